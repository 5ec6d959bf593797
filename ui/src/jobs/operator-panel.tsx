import { useTranslation } from 'react-i18next';
import type { Operator } from '../api/jobs';
import { Code } from '../app/code';
import { Facts } from '../app/facts';
import { Panel } from '../app/panel';
import { Table } from '../app/table';
import { useFormat } from '../format/format';
import classes from './operator-panel.module.css';

/** What an operator has cost since the job's run began, by worker too, and what it does. */
export function OperatorPanel({ operator }: { operator: Operator }) {
  const { t } = useTranslation();
  const format = useFormat();
  const figures: [string, string][] = [
    [t('operator.rowsIn'), `${format.count(operator.rows_in)} · ${format.bytes(operator.bytes_in)}`],
    [t('operator.rowsOut'), `${format.count(operator.rows_out)} · ${format.bytes(operator.bytes_out)}`],
    [t('operator.cpu'), format.taken(operator.cpu_seconds)],
    [t('operator.busy'), format.taken(operator.busy_seconds)],
    [t('operator.inputWait'), format.taken(operator.input_wait_seconds)],
    [t('operator.outputWait'), format.taken(operator.output_wait_seconds)],
    [t('operator.memory'), operator.memory_bytes === null ? '–' : format.bytes(operator.memory_bytes)],
  ];
  return (
    <Panel title={operator.name} note={t('operator.since')}>
      <Facts facts={figures} />
      {operator.workers.length > 1 && <Workers workers={operator.workers} />}
      {operator.details.length > 0 && (
        <>
          <h3 className={classes.subtitle}>{t('operator.does')}</h3>
          <Code label={t('operator.does')}>{operator.details.join('\n')}</Code>
        </>
      )}
    </Panel>
  );
}

/** How the work is divided; the bar is a worker's CPU time against the largest. */
function Workers({ workers }: { workers: Operator['workers'] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const most = Math.max(...workers.map(worker => worker.cpu_seconds), Number.EPSILON);
  return (
    <>
      <h3 className={classes.subtitle}>{t('operator.workers')}</h3>
      <Table
        label={t('operator.workers')}
        columns={[
          { name: t('operator.worker') },
          { name: t('operator.rowsIn'), numeric: true },
          { name: t('operator.cpu'), numeric: true },
        ]}
      >
        <tbody>
          {workers.map((worker, number) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a worker is its number
            <tr key={number}>
              <th scope="row">
                {number}
                <span
                  className={classes.share}
                  style={{ transform: `scaleX(${worker.cpu_seconds / most})` }}
                  aria-hidden
                />
              </th>
              <td data-numeric>{format.count(worker.rows_in)}</td>
              <td data-numeric>{format.taken(worker.cpu_seconds)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}
