import { getRouteApi, Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { type Job, listJobs } from '../api/jobs';
import { listTables, type TableSummary } from '../api/tables';
import { Asked } from '../app/asked';
import { Commands, Message } from '../app/frame';
import { type Column, None, Table } from '../app/table';
import style from '../app/table.module.css';
import { useTitle } from '../app/title';
import { useFormat } from '../format/format';
import { useUntil } from '../format/until';
import { StateChip } from '../jobs/state-chip';
import { usePolled } from '../live/use-polled';
import { firstSteps } from './first-steps';
import { isSystem, kindKey } from './kind';
import classes from './list-page.module.css';

const route = getRouteApi('/tables');

async function load(signal: AbortSignal) {
  const [tables, jobs] = await Promise.all([listTables(signal), listJobs(signal)]);
  return { tables, jobs: new Map(jobs.map(job => [job.name, job])) };
}

/** All tables and views, with how far they are settled and the jobs that keep them up to date. */
export default function TablesPage() {
  const { t } = useTranslation();
  useTitle(t('page.tables'));
  const [state] = usePolled(load);
  return (
    <Asked state={state}>
      {({ tables, jobs }) =>
        tables.length === 0 ? (
          <Message title={t('tables.none')}>
            <p>{t('tables.noneDetail')}</p>
            <Commands lines={firstSteps()} />
          </Message>
        ) : (
          <TableList tables={tables} jobs={jobs} />
        )
      }
    </Asked>
  );
}

interface TableListProps {
  tables: readonly TableSummary[];
  jobs: ReadonlyMap<string, Job>;
}

/** System tables are two thirds of all, and each can be reached from the table that it comes with. */
function TableList({ tables, jobs }: TableListProps) {
  const { t } = useTranslation();
  const { system } = route.useSearch();
  const navigate = route.useNavigate();
  const columns: Column[] = [
    { name: t('tables.table') },
    { name: t('tables.kind'), minor: true },
    { name: t('table.settled'), hint: t('table.settledHint'), numeric: true },
    { name: t('tables.job') },
    { name: t('jobs.waiting'), hint: t('jobs.waitingHint'), numeric: true, minor: true },
    { name: t('jobs.lag'), hint: t('jobs.lagHint'), numeric: true, minor: true },
  ];
  const shown = system ? tables : tables.filter(table => !isSystem(table.kind));
  return (
    <>
      <Table columns={columns} label={t('page.tables')} list>
        <tbody>
          {shown.map(table => (
            <TableRow key={table.name} table={table} job={jobs.get(table.name)} />
          ))}
        </tbody>
      </Table>
      <label className={classes.system}>
        <input
          type="checkbox"
          checked={system ?? false}
          onChange={event =>
            void navigate({ search: { system: event.target.checked || undefined }, replace: true })
          }
        />
        {t('tables.system')}
      </label>
    </>
  );
}

function TableRow({ table, job }: { table: TableSummary; job: Job | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const until = useUntil();
  return (
    <tr>
      <th scope="row">
        <Link to="/tables/$name" params={{ name: table.name }}>
          {table.name}
        </Link>
        <Remark table={table} />
      </th>
      <td className={style.quiet} data-minor>
        {t(kindKey(table.kind))}
      </td>
      <td data-numeric>{table.final_until === null ? <None /> : until(table.final_until)}</td>
      <td>{job ? <StateChip state={job.state} /> : <None />}</td>
      <td data-numeric data-minor>
        {job?.waiting_rows != null ? format.compact(job.waiting_rows) : <None />}
      </td>
      <td data-numeric data-minor>
        {job?.lag_ms != null ? format.duration(job.lag_ms) : <None />}
      </td>
    </tr>
  );
}

/** What somebody should look at, or what the table is, in a line below the name. */
function Remark({ table }: { table: TableSummary }) {
  const { t } = useTranslation();
  const format = useFormat();
  const quarantined = table.log?.quarantined ?? 0;
  if (table.blocked_by)
    return <small className={style.bad}>{t('table.blocked', { name: table.blocked_by })}</small>;
  if (quarantined > 0) {
    return (
      <small className={style.mark}>{t('tables.quarantined', { events: format.count(quarantined) })}</small>
    );
  }
  if (table.comment) return <small>{table.comment}</small>;
  return null;
}
