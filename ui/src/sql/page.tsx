import { Button } from '@mantine/core';
import { IconPlayerPlay, IconPlayerStop } from '@tabler/icons-react';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Refused } from '../api/call';
import type { Problem } from '../api/problem';
import { type Answer, ask } from '../api/query';
import { listTables } from '../api/tables';
import { useTitle } from '../app/title';
import { useFormat } from '../format/format';
import { useUntil } from '../format/until';
import { usePolled } from '../live/use-polled';
import { isSystem } from '../tables/kind';
import { Editor } from './editor';
import classes from './page.module.css';
import { ResultTable } from './result-table';
import { rememberedText, rememberText, rowsOf } from './text';

const route = getRouteApi('/sql');

/** Tables that are offered to ask about. */
const INVITED_MAX = 12;

type Outcome =
  | { kind: 'none' }
  | { kind: 'running' }
  | { kind: 'answer'; answer: Answer; milliseconds: number }
  | { kind: 'problem'; problem: Problem }
  | { kind: 'unreachable' };

/** Ask one question in SQL and read the answer, with how far it is final. */
export default function SqlPage() {
  const { t } = useTranslation();
  const { table } = route.useSearch();
  useTitle(t('page.sql'));
  // Another question is another editor; the text of the last visit stays kept until something is written.
  const initial = useMemo(() => (table ? rowsOf(table) : rememberedText()), [table]);
  const text = useRef(initial);
  const running = useRef<AbortController>(undefined);
  const [outcome, setOutcome] = useState<Outcome>({ kind: 'none' });

  useEffect(() => () => running.current?.abort(), []);

  const run = async () => {
    if (text.current.trim() === '') return;
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    setOutcome({ kind: 'running' });
    const next = await outcomeOf(text.current, controller.signal);
    if (running.current === controller) setOutcome(next);
  };

  // Who comes from a table wants to see its rows.
  // biome-ignore lint/correctness/useExhaustiveDependencies: run asks what text has at the time
  useEffect(() => {
    text.current = initial;
    if (table) void run();
  }, [initial, table]);

  const stop = () => {
    running.current?.abort();
    running.current = undefined;
    setOutcome({ kind: 'none' });
  };

  const isRunning = outcome.kind === 'running';
  return (
    <div className={classes.page}>
      <section className={classes.editor} aria-label={t('sql.editor')}>
        <Editor
          key={table}
          initial={initial}
          label={t('sql.editor')}
          hint={t('sql.placeholder')}
          problem={outcome.kind === 'problem' ? outcome.problem : null}
          onChange={changed => {
            text.current = changed;
            rememberText(changed);
          }}
          onRun={() => void run()}
        />
      </section>
      <div className={classes.bar}>
        {isRunning ? (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconPlayerStop size={14} aria-hidden />}
            onClick={stop}
          >
            {t('sql.stop')}
          </Button>
        ) : (
          <Button size="xs" leftSection={<IconPlayerPlay size={14} aria-hidden />} onClick={() => void run()}>
            {t('sql.run')}
          </Button>
        )}
        <span className={classes.keys}>{t('sql.keys')}</span>
        <span className={classes.summary} role="status">
          <Summary outcome={outcome} />
        </span>
      </div>
      <div className={classes.result} aria-busy={isRunning}>
        {outcome.kind === 'answer' && <ResultTable answer={outcome.answer} />}
        {outcome.kind === 'problem' && <Explanation problem={outcome.problem} />}
        {outcome.kind === 'unreachable' && (
          <p className={classes.quiet} role="alert">
            {t('sql.unreachable')}
          </p>
        )}
        {outcome.kind === 'none' && <Invitation />}
      </div>
    </div>
  );
}

async function outcomeOf(sql: string, signal: AbortSignal): Promise<Outcome> {
  const start = performance.now();
  try {
    const answer = await ask(sql, signal);
    return { kind: 'answer', answer, milliseconds: performance.now() - start };
  } catch (error) {
    return error instanceof Refused ? { kind: 'problem', problem: error.problem } : { kind: 'unreachable' };
  }
}

/** What to ask about, before anything is asked. */
function Invitation() {
  const { t } = useTranslation();
  const [state] = usePolled(listTables);
  const tables = state.kind === 'ready' ? state.value.filter(table => !isSystem(table.kind)) : [];
  return (
    <div className={classes.quiet}>
      <p>{t('sql.nothing')}</p>
      {tables.length > 0 && (
        <p className={classes.tables}>
          {t('sql.tables')}
          {tables.slice(0, INVITED_MAX).map(table => (
            <Link key={table.name} to="/sql" search={{ table: table.name }}>
              {table.name}
            </Link>
          ))}
        </p>
      )}
    </div>
  );
}

function Summary({ outcome }: { outcome: Outcome }) {
  const { t } = useTranslation();
  const format = useFormat();
  const until = useUntil();
  if (outcome.kind === 'running') return t('sql.running');
  if (outcome.kind !== 'answer') return null;
  const { answer, milliseconds } = outcome;
  const rows = t('sql.rows', {
    rows: format.count(answer.rows.length),
    duration: format.latency(milliseconds),
  });
  if (answer.final_until === null) return rows;
  return (
    <>
      {rows} · <b>{`${t('tide.label')} ${until(answer.final_until)}`}</b>
    </>
  );
}

function Explanation({ problem }: { problem: Problem }) {
  const { t } = useTranslation();
  return (
    <div className={classes.problem} role="alert">
      <p>
        <strong>{problem.detail}</strong>
      </p>
      {problem.hint && <p>{problem.hint}</p>}
      <p className={classes.code}>
        <code>{problem.code}</code>
        {problem.position && <span>{t('sql.position', problem.position)}</span>}
      </p>
    </div>
  );
}
