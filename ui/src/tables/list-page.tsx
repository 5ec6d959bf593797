import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { type Job, listJobs } from '../api/jobs';
import { listTables, type TableSummary } from '../api/tables';
import { Asked, Nothing } from '../app/asked';
import list from '../app/list.module.css';
import { useFormat } from '../format/format';
import { StateChip } from '../jobs/state-chip';
import { usePolled } from '../live/use-polled';
import { kindKey } from './kind';

async function load(signal: AbortSignal) {
  const [tables, jobs] = await Promise.all([listTables(signal), listJobs(signal)]);
  return { tables, jobs: new Map(jobs.map(job => [job.name, job])) };
}

/** All tables and views, with the jobs that keep them up to date. */
export default function TablesPage() {
  const { t } = useTranslation();
  const state = usePolled(load);
  return (
    <Asked state={state}>
      {({ tables, jobs }) =>
        tables.length === 0 ? (
          <Nothing title={t('tables.none')}>
            <p>{t('tables.noneDetail')}</p>
          </Nothing>
        ) : (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
          <section className={list.panel} aria-label={t('page.tables')} tabIndex={0}>
            <table className={list.table}>
              <thead>
                <tr>
                  <th scope="col">{t('tables.table')}</th>
                  <th scope="col">{t('tables.kind')}</th>
                  <th scope="col" data-numeric>
                    {t('tables.columns')}
                  </th>
                  <th scope="col">{t('tables.job')}</th>
                  <th scope="col" data-numeric>
                    {t('jobs.waiting')}
                  </th>
                  <th scope="col" data-numeric>
                    {t('jobs.lag')}
                  </th>
                </tr>
              </thead>
              <tbody>
                {tables.map(table => (
                  <TableRow key={table.name} table={table} job={jobs.get(table.name)} />
                ))}
              </tbody>
            </table>
          </section>
        )
      }
    </Asked>
  );
}

function TableRow({ table, job }: { table: TableSummary; job: Job | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const none = <span className={list.quiet}>–</span>;
  return (
    <tr>
      <th scope="row">
        <Link to="/tables/$name" params={{ name: table.name }}>
          {table.name}
        </Link>
        {table.comment && <small>{table.comment}</small>}
      </th>
      <td className={list.quiet}>{t(kindKey(table.kind))}</td>
      <td data-numeric>{format.count(table.columns)}</td>
      <td>{job ? <StateChip state={job.state} /> : none}</td>
      <td data-numeric>{job?.waiting_rows != null ? format.compact(job.waiting_rows) : none}</td>
      <td data-numeric>{job?.lag_ms != null ? format.duration(job.lag_ms) : none}</td>
    </tr>
  );
}
