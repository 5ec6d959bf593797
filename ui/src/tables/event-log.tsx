import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { EventLog } from '../api/tables';
import { Facts } from '../app/facts';
import { Panel } from '../app/panel';
import { type Column, Table } from '../app/table';
import { useFormat } from '../format/format';

/** What the event log has of a native table, what could not be read, and what retention has to keep for whom. */
export function EventLogPanel({ table, log }: { table: string; log: EventLog }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns: Column[] = [
    { name: t('log.heldBy') },
    { name: t('log.partition'), numeric: true, minor: true },
    { name: t('log.heldEvents'), numeric: true },
    { name: t('log.since'), hint: t('log.sinceHint'), numeric: true },
  ];
  const held = log.holds.filter(hold => hold.since !== null);
  const facts: [string, ReactNode][] = [
    [t('log.events'), `${format.count(log.events)} · ${format.bytes(log.bytes)}`],
    [t('log.oldest'), log.oldest_at === null ? '–' : format.moment(Date.parse(log.oldest_at))],
    [t('log.gone'), format.count(log.gone)],
    [t('log.quarantined'), <Quarantined key="" table={table} events={log.quarantined} />],
  ];
  return (
    <Panel title={t('log.title')}>
      <Facts facts={facts} />
      {held.length > 0 && (
        <Table columns={columns} label={t('log.heldBy')}>
          <tbody>
            {held.map(hold => (
              <tr key={`${hold.partition} ${hold.by}`}>
                <th scope="row">{hold.by}</th>
                <td data-numeric data-minor>
                  {hold.partition}
                </td>
                <td data-numeric>{format.count(hold.events_behind)}</td>
                <td data-numeric>{format.moment(Date.parse(hold.since!))}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </Panel>
  );
}

/** How many events could not be read; they, and why, are a question away. */
function Quarantined({ table, events }: { table: string; events: number }) {
  const format = useFormat();
  if (events === 0) return format.count(0);
  return (
    <Link to="/sql" search={{ table: `${table}$quarantine` }}>
      {format.count(events)}
    </Link>
  );
}
