import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { type Job, listJobs } from '../api/jobs';
import { Asked, Nothing } from '../app/asked';
import list from '../app/list.module.css';
import { useFormat } from '../format/format';
import { usePolled } from '../live/use-polled';
import { StateChip } from './state-chip';

/** All jobs, with what one looks at first. */
export default function JobsPage() {
  const { t } = useTranslation();
  const state = usePolled(listJobs);
  return (
    <Asked state={state}>
      {jobs =>
        jobs.length === 0 ? (
          <Nothing title={t('jobs.none')}>
            <p>{t('jobs.noneDetail')}</p>
          </Nothing>
        ) : (
          <JobList jobs={jobs} />
        )
      }
    </Asked>
  );
}

function JobList({ jobs }: { jobs: readonly Job[] }) {
  const { t } = useTranslation();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section className={list.panel} aria-label={t('page.jobs')} tabIndex={0}>
      <table className={list.table}>
        <thead>
          <tr>
            <th scope="col">{t('jobs.job')}</th>
            <th scope="col">{t('jobs.state')}</th>
            <th scope="col" data-numeric>
              {t('jobs.rate')}
            </th>
            <th scope="col" data-numeric>
              {t('jobs.waiting')}
            </th>
            <th scope="col" data-numeric>
              {t('jobs.lag')}
            </th>
            <th scope="col" data-numeric>
              {t('jobs.pressure')}
            </th>
            <th scope="col" data-numeric>
              {t('jobs.cpu')}
            </th>
            <th scope="col" data-numeric>
              {t('jobs.memory')}
            </th>
            <th scope="col" data-numeric>
              {t('jobs.restarts')}
            </th>
          </tr>
        </thead>
        <tbody>
          {jobs.map(job => (
            <JobRow key={job.name} job={job} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function JobRow({ job }: { job: Job }) {
  const format = useFormat();
  const known = (value: number | null, text: (value: number) => string) =>
    value === null ? <span className={list.quiet}>–</span> : text(value);
  return (
    <tr>
      <th scope="row">
        <Link to="/jobs/$name" params={{ name: job.name }}>
          {job.name}
        </Link>
        <Remark job={job} />
      </th>
      <td>
        <StateChip state={job.state} />
      </td>
      <td data-numeric>{job.state === 'running' ? format.compact(job.rows_per_second) : '–'}</td>
      <td data-numeric>{known(job.waiting_rows, format.compact)}</td>
      <td data-numeric>{known(job.lag_ms, format.duration)}</td>
      <td data-numeric>{known(job.back_pressure, format.part)}</td>
      <td data-numeric>{known(job.cpu_seconds, format.taken)}</td>
      <td data-numeric>{known(job.memory_bytes, format.bytes)}</td>
      <td data-numeric className={job.restarts > 0 ? list.mark : undefined}>
        {format.count(job.restarts)}
      </td>
    </tr>
  );
}

/** What somebody should look at, in a line below the name. */
function Remark({ job }: { job: Job }) {
  const { t } = useTranslation();
  if (job.error) return <small className={list.bad}>{job.error.detail}</small>;
  if (job.warning) return <small className={list.mark}>{job.warning.detail}</small>;
  if (job.held_by) return <small>{t('jobs.held', { name: job.held_by.name })}</small>;
  return null;
}
