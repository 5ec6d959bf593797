import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { type Job, listJobs } from '../api/jobs';
import { Asked } from '../app/asked';
import { Commands, Message } from '../app/frame';
import { type Column, None, Table } from '../app/table';
import table from '../app/table.module.css';
import { useTitle } from '../app/title';
import { useFormat } from '../format/format';
import { usePolled } from '../live/use-polled';
import { firstSteps } from '../tables/first-steps';
import { StateChip } from './state-chip';

/** All jobs, with what one looks at first. */
export default function JobsPage() {
  const { t } = useTranslation();
  useTitle(t('page.jobs'));
  const [state] = usePolled(listJobs);
  return (
    <Asked state={state}>
      {jobs =>
        jobs.length === 0 ? (
          <Message title={t('jobs.none')}>
            <p>{t('jobs.noneDetail')}</p>
            <Commands lines={firstSteps()} />
          </Message>
        ) : (
          <JobList jobs={jobs} />
        )
      }
    </Asked>
  );
}

function JobList({ jobs }: { jobs: readonly Job[] }) {
  const { t } = useTranslation();
  const columns: Column[] = [
    { name: t('jobs.job') },
    { name: t('jobs.state') },
    { name: t('jobs.rate'), hint: t('jobs.rateHint'), numeric: true },
    { name: t('jobs.waiting'), hint: t('jobs.waitingHint'), numeric: true, minor: true },
    { name: t('jobs.lag'), hint: t('jobs.lagHint'), numeric: true },
    { name: t('jobs.pressure'), hint: t('jobs.pressureHint'), numeric: true, minor: true },
    { name: t('jobs.cpu'), hint: t('jobs.cpuHint'), numeric: true, minor: true },
    { name: t('jobs.memory'), hint: t('jobs.memoryHint'), numeric: true, minor: true },
    { name: t('jobs.restarts'), hint: t('jobs.restartsHint'), numeric: true, minor: true },
  ];
  return (
    <Table columns={columns} label={t('page.jobs')} list>
      <tbody>
        {jobs.map(job => (
          <JobRow key={job.name} job={job} />
        ))}
      </tbody>
    </Table>
  );
}

function JobRow({ job }: { job: Job }) {
  const format = useFormat();
  const known = (value: number | null, text: (value: number) => string) =>
    value === null ? <None /> : text(value);
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
      <td data-numeric>{job.state === 'running' ? format.rate(job.rows_per_second) : <None />}</td>
      <td data-numeric data-minor>
        {known(job.waiting_rows, format.compact)}
      </td>
      <td data-numeric>{known(job.lag_ms, format.duration)}</td>
      <td data-numeric data-minor>
        {known(job.back_pressure, format.part)}
      </td>
      <td data-numeric data-minor>
        {known(job.cpu_seconds, format.taken)}
      </td>
      <td data-numeric data-minor>
        {known(job.memory_bytes, format.bytes)}
      </td>
      <td data-numeric data-minor className={job.restarts > 0 ? table.mark : undefined}>
        {format.count(job.restarts)}
      </td>
    </tr>
  );
}

/** What somebody should look at, in a line below the name. */
function Remark({ job }: { job: Job }) {
  const { t } = useTranslation();
  if (job.error) return <small className={table.bad}>{job.error.detail}</small>;
  if (job.warning) return <small className={table.mark}>{job.warning.detail}</small>;
  if (job.held_by) return <small>{t('jobs.held', { name: job.held_by.name })}</small>;
  return null;
}
