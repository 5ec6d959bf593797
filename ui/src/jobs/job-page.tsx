import { getRouteApi, Link } from '@tanstack/react-router';
import { type ReactNode, useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { getJob, type JobDetail } from '../api/jobs';
import type { Problem } from '../api/problem';
import { Asked } from '../app/asked';
import panel from '../dashboard/panel.module.css';
import { useFormat } from '../format/format';
import { usePolled } from '../live/use-polled';
import { Graph } from './graph';
import classes from './job-page.module.css';
import { OperatorPanel } from './operator-panel';
import { SourceTable } from './source-table';
import { StateChip } from './state-chip';

const route = getRouteApi('/jobs/$name');

/** One job: what it costs, where the time goes, what holds it back, and how far it has read. */
export default function JobPage() {
  const { name } = route.useParams();
  const load = useCallback((signal: AbortSignal) => getJob(name, signal), [name]);
  return <Asked state={usePolled(load)}>{job => <View job={job} />}</Asked>;
}

function View({ job }: { job: JobDetail }) {
  const { t } = useTranslation();
  const { operator: chosen } = route.useSearch();
  const navigate = route.useNavigate();
  const operators = job.operators ?? [];
  const shown = operators.find(operator => operator.id === (chosen ?? job.held_by?.operator));
  return (
    <>
      <Header job={job} />
      {job.error && <Notice tone="bad" title={t('job.failed')} problem={job.error} />}
      {job.warning && <Notice tone="mark" title={t('job.warning')} problem={job.warning} />}
      <Figures job={job} />
      {operators.length === 0 ? (
        <p className={classes.idle}>{t('job.notRunning')}</p>
      ) : (
        <section className={panel.panel} aria-labelledby="graph-title">
          <div className={panel.head}>
            <h2 className={panel.title} id="graph-title">
              {t('job.graph')}
            </h2>
            <Legend />
          </div>
          <Held job={job} />
          <Graph
            operators={operators}
            heldBy={job.held_by?.operator ?? null}
            chosen={shown?.id ?? null}
            onChoose={id =>
              void navigate({ search: { operator: id === chosen ? undefined : id }, replace: true })
            }
          />
        </section>
      )}
      <div className={classes.body}>
        {shown && <OperatorPanel operator={shown} />}
        {job.sources && job.sources.length > 0 && <SourceTable sources={job.sources} />}
      </div>
    </>
  );
}

function Header({ job }: { job: JobDetail }) {
  const { t } = useTranslation();
  return (
    <div className={classes.header}>
      <Link to="/jobs">{t('page.jobs')}</Link>
      <span aria-hidden>/</span>
      <h2>{job.name}</h2>
      <StateChip state={job.state} />
      <Link to="/tables/$name" params={{ name: job.name }} className={classes.table}>
        {t('job.table')}
      </Link>
    </div>
  );
}

function Notice({ tone, title, problem }: { tone: 'bad' | 'mark'; title: string; problem: Problem }) {
  return (
    <div className={classes.notice} data-tone={tone} role={tone === 'bad' ? 'alert' : 'status'}>
      <p>
        <strong>{title}</strong> {problem.detail}
      </p>
      {problem.hint && <p>{problem.hint}</p>}
      <code>{problem.code}</code>
    </div>
  );
}

/** The numbers of the whole job. */
function Figures({ job }: { job: JobDetail }) {
  const { t } = useTranslation();
  const format = useFormat();
  const known = (value: number | null, text: (value: number) => string) =>
    value === null ? '–' : text(value);
  const processors = (job.operators ?? []).reduce((sum, operator) => sum + operator.recent.cpu, 0);
  return (
    <dl className={classes.figures}>
      <Figure name={t('job.rate')} note={t('job.rowsIn', { rows: format.compact(job.rows_in) })}>
        {format.compact(job.rows_per_second)}
      </Figure>
      <Figure name={t('job.lag')} note={t('job.waiting', { rows: known(job.waiting_rows, format.compact) })}>
        {known(job.lag_ms, format.duration)}
      </Figure>
      <Figure name={t('job.pressure')} note={t('job.pressureNote')}>
        {known(job.back_pressure, format.part)}
      </Figure>
      <Figure
        name={t('job.cpu')}
        note={t('job.cpuNote', {
          time: known(job.cpu_seconds, format.taken),
        })}
      >
        {job.cpu_seconds === null ? '–' : format.decimal(processors)}
      </Figure>
      <Figure
        name={t('job.memory')}
        note={
          job.spilled_bytes
            ? t('job.spilled', { bytes: format.bytes(job.spilled_bytes) })
            : t('job.stored', { bytes: known(job.state_bytes, format.bytes) })
        }
      >
        {known(job.memory_bytes, format.bytes)}
      </Figure>
      <Figure name={t('job.epoch')} note={t('job.restarts', { restarts: format.count(job.restarts) })}>
        {known(job.epoch_ms, format.latency)}
      </Figure>
    </dl>
  );
}

function Figure({ name, note, children }: { name: string; note: string; children: ReactNode }) {
  return (
    <div className={classes.figure}>
      <dt>{name}</dt>
      <dd>{children}</dd>
      <dd className={classes.note}>{note}</dd>
    </div>
  );
}

/** What holds the job back, in a sentence. */
function Held({ job }: { job: JobDetail }) {
  const { t } = useTranslation();
  const format = useFormat();
  const text = job.held_by
    ? t('job.held', { name: job.held_by.name, part: format.part(job.held_by.busy) })
    : t(job.waiting_rows ? 'job.heldUnknown' : 'job.heldNot');
  return (
    <p className={classes.held} data-held={job.held_by !== null || undefined}>
      {text}
    </p>
  );
}

function Legend() {
  const { t } = useTranslation();
  return (
    <ul className={classes.legend}>
      {(['busy', 'pressure', 'idle'] as const).map(part => (
        <li key={part} data-part={part}>
          {t(`job.part.${part}`)}
        </li>
      ))}
    </ul>
  );
}
