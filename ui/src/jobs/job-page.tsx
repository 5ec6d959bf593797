import { getRouteApi, Link } from '@tanstack/react-router';
import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { getJob, type JobDetail, type Upgrade } from '../api/jobs';
import type { Problem } from '../api/problem';
import { Asked } from '../app/asked';
import { Figure, Figures } from '../app/figures';
import { Panel } from '../app/panel';
import { Title } from '../app/title';
import { useFormat } from '../format/format';
import { usePolled } from '../live/use-polled';
import { Graph } from './graph';
import { JobActions } from './job-actions';
import classes from './job-page.module.css';
import { OperatorPanel } from './operator-panel';
import { SourceTable } from './source-table';
import { StateChip } from './state-chip';

const route = getRouteApi('/jobs/$name');

/** One job: what it costs, where the time goes, what holds it back, and how far it has read. */
export default function JobPage() {
  const { name } = route.useParams();
  const load = useCallback((signal: AbortSignal) => getJob(name, signal), [name]);
  const [state, take] = usePolled(load);
  return <Asked state={state}>{job => <View job={job} onDone={take} />}</Asked>;
}

function View({ job, onDone }: { job: JobDetail; onDone: (job: JobDetail) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { operator: chosen } = route.useSearch();
  const navigate = route.useNavigate();
  const operators = job.operators ?? [];
  const shown = operators.find(operator => operator.id === (chosen ?? job.held_by?.operator));
  return (
    <>
      <Title of="jobs" name={job.name}>
        <StateChip state={job.state} />
        <Link to="/tables/$name" params={{ name: job.name }}>
          {t('job.table')}
        </Link>
        <JobActions job={job} onDone={onDone} />
      </Title>
      {job.error && <Notice tone="bad" title={t('job.failed')} problem={job.error} />}
      {!job.error && job.last_failure && job.failed_at && (
        <Notice
          tone="mark"
          title={t('job.failedAt', { time: format.moment(Date.parse(job.failed_at)) })}
          problem={job.last_failure}
        />
      )}
      {job.warning && <Notice tone="mark" title={t('job.warning')} problem={job.warning} />}
      {job.upgrade && <UpgradeNotice upgrade={job.upgrade} />}
      <Numbers job={job} />
      {operators.length === 0 ? (
        <p className={classes.idle}>{t(job.state === 'suspended' ? 'job.notNow' : 'job.notRunning')}</p>
      ) : (
        <Panel title={t('job.graph')} aside={<Legend />}>
          <Held job={job} />
          <Graph
            operators={operators}
            heldBy={job.held_by?.operator ?? null}
            chosen={shown?.id ?? null}
            onChoose={id =>
              void navigate({ search: { operator: id === chosen ? undefined : id }, replace: true })
            }
          />
        </Panel>
      )}
      <div className={classes.body}>
        {shown && <OperatorPanel operator={shown} />}
        {job.sources && job.sources.length > 0 && <SourceTable sources={job.sources} />}
      </div>
    </>
  );
}

/** How far the table's next version is; nothing once it is the table. */
function UpgradeNotice({ upgrade }: { upgrade: Upgrade }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (upgrade.phase === 'swapped') return null;
  if (upgrade.phase === 'failed') {
    return upgrade.error && <Notice tone="bad" title={t('job.upgradeFailed')} problem={upgrade.error} />;
  }
  return (
    <p className={classes.notice} role="status">
      {t('job.upgrade', {
        replayed: format.count(upgrade.replayed_events),
        total: format.count(upgrade.total_events),
      })}
    </p>
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
function Numbers({ job }: { job: JobDetail }) {
  const { t } = useTranslation();
  const format = useFormat();
  const known = (value: number | null, text: (value: number) => string) =>
    value === null ? '–' : text(value);
  const operators = job.operators ?? [];
  const runs = operators.length > 0;
  const processors = operators.reduce((sum, operator) => sum + operator.recent.cpu, 0);
  const memory = job.spilled_bytes
    ? t('job.spilled', { bytes: format.bytes(job.spilled_bytes) })
    : t('job.stored', { bytes: known(job.state_bytes, format.bytes) });
  return (
    <Figures>
      <Figure name={t('job.rate')} note={runs && t('job.rowsIn', { rows: format.compact(job.rows_in) })}>
        {runs ? format.rate(job.rows_per_second) : '–'}
      </Figure>
      <Figure
        name={t('job.lag')}
        note={job.waiting_rows !== null && t('job.waiting', { rows: format.compact(job.waiting_rows) })}
      >
        {known(job.lag_ms, format.duration)}
      </Figure>
      <Figure name={t('job.pressure')} note={runs && t('job.pressureNote')}>
        {known(job.back_pressure, format.part)}
      </Figure>
      <Figure
        name={t('job.cpu')}
        note={runs && t('job.cpuNote', { time: known(job.cpu_seconds, format.taken) })}
      >
        {job.cpu_seconds === null ? '–' : format.decimal(processors)}
      </Figure>
      <Figure name={t('job.memory')} note={runs && memory}>
        {known(job.memory_bytes, format.bytes)}
      </Figure>
      <Figure name={t('job.epoch')} note={t('job.restarts', { restarts: format.count(job.restarts) })}>
        {known(job.epoch_ms, format.latency)}
      </Figure>
    </Figures>
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
