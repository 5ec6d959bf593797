import { useTranslation } from 'react-i18next';
import type { Operator } from '../api/jobs';
import panel from '../dashboard/panel.module.css';
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
    <section className={panel.panel} aria-labelledby="operator-title">
      <div className={panel.head}>
        <h2 className={`${panel.title} ${classes.title}`} id="operator-title">
          {operator.name}
        </h2>
        <span className={panel.note}>{t('operator.since')}</span>
      </div>
      <dl className={classes.figures}>
        {figures.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      {operator.workers.length > 1 && <Workers workers={operator.workers} />}
      {operator.details.length > 0 && (
        <>
          <h3 className={classes.subtitle}>{t('operator.does')}</h3>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
          <pre className={classes.details} tabIndex={0}>
            {operator.details.join('\n')}
          </pre>
        </>
      )}
    </section>
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
      <table className={classes.workers}>
        <thead>
          <tr>
            <th scope="col">{t('operator.worker')}</th>
            <th scope="col">{t('operator.rowsIn')}</th>
            <th scope="col">{t('operator.cpu')}</th>
          </tr>
        </thead>
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
              <td>{format.count(worker.rows_in)}</td>
              <td>{format.taken(worker.cpu_seconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
