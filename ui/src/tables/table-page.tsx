import { getRouteApi, Link } from '@tanstack/react-router';
import { type ReactNode, useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { getTable, type Table, type TableView } from '../api/tables';
import { Asked } from '../app/asked';
import panel from '../dashboard/panel.module.css';
import { useFormat } from '../format/format';
import figures from '../jobs/job-page.module.css';
import { SourceTable } from '../jobs/source-table';
import { StateChip } from '../jobs/state-chip';
import { usePolled } from '../live/use-polled';
import { kindKey } from './kind';
import classes from './table-page.module.css';

const route = getRouteApi('/tables/$name');

/** One table: how far it is settled and on what evidence, its columns, and where it comes from. */
export default function TablePage() {
  const { name } = route.useParams();
  const load = useCallback((signal: AbortSignal) => getTable(name, signal), [name]);
  return <Asked state={usePolled(load)}>{view => <View view={view} />}</Asked>;
}

function View({ view }: { view: TableView }) {
  const { t } = useTranslation();
  const { table, job } = view;
  return (
    <>
      <div className={figures.header}>
        <Link to="/tables">{t('page.tables')}</Link>
        <span aria-hidden>/</span>
        <h2>{table.name}</h2>
        <span>{t(kindKey(table.kind))}</span>
      </div>
      {table.comment && <p className={classes.comment}>{table.comment}</p>}
      <Settled view={view} />
      <div className={classes.body}>
        <Columns table={table} />
        <div className={classes.side}>
          {job?.sources && job.sources.length > 0 && <SourceTable sources={job.sources} />}
          <Lineage table={table} />
          {table.definition && <Definition text={table.definition} />}
        </div>
      </div>
    </>
  );
}

/** From this year on a moment means that everything is settled. */
const NEVER = '9999';

/** How far the numbers of the table are final, and what that is known from. */
function Settled({ view: { progress, job } }: { view: TableView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const moment = (text: string | null, none: string) => {
    if (text === null) return none;
    return text.startsWith(NEVER) ? t('table.everything') : format.time(Date.parse(text));
  };
  const splits = (job?.sources ?? []).flatMap(source => source.splits);
  const behind = splits.filter(split => (split.waiting_rows ?? 0) > 0).length;
  return (
    <dl className={`${figures.figures} ${classes.figures}`}>
      <Figure
        name={t('table.settled')}
        note={progress.blocked_by ? t('table.blocked', { name: progress.blocked_by }) : t('table.moves')}
        tone={progress.blocked_by ? 'bad' : undefined}
      >
        {moment(progress.final_until, t('table.notSettled'))}
      </Figure>
      <Figure name={t('table.watermark')} note={t('table.late', { rows: format.count(progress.late_rows) })}>
        {moment(progress.watermark, '–')}
      </Figure>
      <Figure
        name={t('table.waiting')}
        note={
          behind > 0 ? t('table.waitingSome', { splits: behind, all: splits.length }) : t('table.waitingNone')
        }
        tone={behind > 0 ? 'mark' : undefined}
      >
        {job?.waiting_rows == null ? '–' : format.compact(job.waiting_rows)}
      </Figure>
      <Figure
        name={t('table.job')}
        note={job?.warning?.detail ?? job?.error?.detail ?? ''}
        tone={job?.warning || job?.error ? 'mark' : undefined}
      >
        {job ? (
          <Link to="/jobs/$name" params={{ name: job.name }} className={classes.job}>
            <StateChip state={job.state} />
          </Link>
        ) : (
          <span className={classes.none}>{t('table.noJob')}</span>
        )}
      </Figure>
    </dl>
  );
}

interface FigureProps {
  name: string;
  note: string;
  tone?: 'bad' | 'mark' | undefined;
  children: ReactNode;
}

function Figure({ name, note, tone, children }: FigureProps) {
  return (
    <div className={figures.figure}>
      <dt>{name}</dt>
      <dd>{children}</dd>
      <dd className={`${figures.note} ${classes.note}`} data-tone={tone} title={note}>
        {note}
      </dd>
    </div>
  );
}

function Columns({ table }: { table: Table }) {
  const { t } = useTranslation();
  return (
    <section className={panel.panel} aria-labelledby="columns-title">
      <div className={panel.head}>
        <h2 className={panel.title} id="columns-title">
          {t('table.columns')}
        </h2>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <div className={classes.scroll} tabIndex={0}>
        <table className={classes.columns}>
          <thead>
            <tr>
              <th scope="col">{t('table.column')}</th>
              <th scope="col">{t('table.type')}</th>
              <th scope="col">{t('table.comment')}</th>
            </tr>
          </thead>
          <tbody>
            {table.columns.map(column => (
              <tr key={column.name}>
                <th scope="row">
                  {column.name}
                  {table.primary_key.includes(column.name) && <small>{t('table.key')}</small>}
                  {table.watermark?.column === column.name && <small>{t('table.time')}</small>}
                </th>
                <td>
                  <code>{column.type}</code>
                </td>
                <td>
                  {column.comment}
                  {column.computed && <code>{column.computed}</code>}
                  {column.metadata && <code>{column.metadata}</code>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Lineage({ table }: { table: Table }) {
  const { t } = useTranslation();
  const rows: [string, string[]][] = [
    [t('table.upstream'), table.upstream],
    [t('table.downstream'), table.downstream],
  ];
  return (
    <section className={panel.panel} aria-labelledby="lineage-title">
      <div className={panel.head}>
        <h2 className={panel.title} id="lineage-title">
          {t('table.lineage')}
        </h2>
      </div>
      <dl className={classes.lineage}>
        {rows.map(([name, tables]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {tables.length === 0
                ? t('table.nothing')
                : tables.map(other => (
                    <Link key={other} to="/tables/$name" params={{ name: other }}>
                      {other}
                    </Link>
                  ))}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Definition({ text }: { text: string }) {
  const { t } = useTranslation();
  return (
    <section className={panel.panel} aria-labelledby="definition-title">
      <div className={panel.head}>
        <h2 className={panel.title} id="definition-title">
          {t('table.definition')}
        </h2>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <pre className={classes.definition} tabIndex={0}>
        {text}
      </pre>
    </section>
  );
}
