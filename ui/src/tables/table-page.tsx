import { getRouteApi, Link } from '@tanstack/react-router';
import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { getTable, type Table as TableOf, type TableView } from '../api/tables';
import { Asked } from '../app/asked';
import { Code } from '../app/code';
import { Figure, Figures } from '../app/figures';
import { Panel } from '../app/panel';
import { Table } from '../app/table';
import { Title } from '../app/title';
import { useFormat } from '../format/format';
import { useUntil } from '../format/until';
import { JobActions } from '../jobs/job-actions';
import { SourceTable } from '../jobs/source-table';
import { StateChip } from '../jobs/state-chip';
import { usePolled } from '../live/use-polled';
import { EventLogPanel } from './event-log';
import { Gaps } from './gaps';
import { kindKey, ownerOf } from './kind';
import classes from './table-page.module.css';
import { Windows } from './windows';

const route = getRouteApi('/tables/$name');

/** One table: how far it is settled and on what evidence, its columns, and where it comes from. */
export default function TablePage() {
  const { name } = route.useParams();
  const load = useCallback((signal: AbortSignal) => getTable(name, signal), [name]);
  const [state, take] = usePolled(load);
  return <Asked state={state}>{view => <View view={view} take={take} />}</Asked>;
}

function View({ view, take }: { view: TableView; take: (view: TableView) => void }) {
  const { t } = useTranslation();
  const { table, job, progress } = view;
  return (
    <>
      <Title of="tables" name={table.name}>
        <span>{t(kindKey(table.kind))}</span>
        <Link to="/sql" search={{ table: table.name }}>
          {t('table.ask')}
        </Link>
        {job && <JobActions job={job} onDone={changed => take({ ...view, job: changed })} />}
      </Title>
      {table.comment && <p className={classes.comment}>{table.comment}</p>}
      <Settled view={view} />
      <div className={classes.body}>
        <div className={classes.side}>
          <Gaps gaps={progress.gaps} />
          {progress.windows.length > 0 && <Windows windows={progress.windows} />}
          <Columns table={table} />
        </div>
        <div className={classes.side}>
          {progress.sources.length > 0 && <SourceTable sources={progress.sources.map(evidence(table))} />}
          {table.log && <EventLogPanel table={table.name} log={table.log} />}
          <Lineage table={table} />
          {table.definition && (
            <Panel title={t('table.definition')}>
              <Code label={t('table.definition')}>{table.definition}</Code>
            </Panel>
          )}
        </div>
      </div>
    </>
  );
}

/** Who has read a source goes without saying where it is the table's own job. */
function evidence(table: TableOf) {
  return (source: TableView['progress']['sources'][number]) => {
    const { job, ...read } = source;
    return job === table.name ? read : source;
  };
}

/** How far the numbers of the table are final, and what that is known from. */
function Settled({ view: { table, progress, job } }: { view: TableView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const until = useUntil();
  const moment = (text: string | null, none: string) => (text === null ? none : until(text));
  const splits = progress.sources.flatMap(source => source.splits);
  const behind = splits.filter(split => (split.waiting_rows ?? 0) > 0).length;
  const waiting =
    job?.waiting_rows == null
      ? t('table.waitingUnknown')
      : behind > 0
        ? t('table.waitingSome', { splits: behind, all: splits.length })
        : t('table.waitingNone');
  return (
    <Figures>
      <Figure
        name={t('table.settled')}
        note={
          progress.blocked_by ? t('table.blocked', { name: progress.blocked_by }) : t('table.settledNote')
        }
        tone={progress.blocked_by ? 'bad' : undefined}
      >
        {moment(progress.final_until, t('table.notSettled'))}
      </Figure>
      <Figure name={t('table.watermark')} note={<Late table={table} rows={progress.late_rows} />}>
        {moment(progress.watermark, '–')}
      </Figure>
      <Figure name={t('table.waiting')} note={job && waiting} tone={behind > 0 ? 'mark' : undefined}>
        {job?.waiting_rows == null ? '–' : format.compact(job.waiting_rows)}
      </Figure>
      <Figure
        name={t('table.job')}
        note={job?.warning?.detail ?? job?.error?.detail}
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
    </Figures>
  );
}

/** How many rows came after their window was final; where they are kept, they are a question away. */
function Late({ table, rows }: { table: TableOf; rows: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const text = t('table.late', { rows: format.count(rows) });
  const kept = `${table.name}$late`;
  if (rows === 0 || !table.system_tables.includes(kept)) return text;
  return (
    <Link to="/sql" search={{ table: kept }}>
      {text}
    </Link>
  );
}

function Columns({ table }: { table: TableOf }) {
  const { t } = useTranslation();
  const columns = [{ name: t('table.column') }, { name: t('table.type') }, { name: t('table.comment') }];
  return (
    <Panel title={t('table.columns')}>
      <Table columns={columns} label={t('table.columns')}>
        <tbody className={classes.columns}>
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
      </Table>
    </Panel>
  );
}

function Lineage({ table }: { table: TableOf }) {
  const { t } = useTranslation();
  const owner = ownerOf(table);
  const rows: [string, string[]][] = [
    [t('table.upstream'), owner ? [owner] : table.upstream],
    [t('table.downstream'), table.downstream],
  ];
  if (table.system_tables.length > 0) rows.push([t('table.system'), table.system_tables]);
  return (
    <Panel title={t('table.lineage')}>
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
    </Panel>
  );
}
