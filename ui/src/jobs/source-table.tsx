import { useTranslation } from 'react-i18next';
import type { Source } from '../api/jobs';
import panel from '../dashboard/panel.module.css';
import { useFormat } from '../format/format';
import classes from './source-table.module.css';

/** Splits that are listed of a source; a folder may have thousands of files. */
const SHOWN_MAX = 64;

/** How far every partition of a job's sources was read: the evidence for how far its table is. */
export function SourceTable({ sources }: { sources: readonly Source[] }) {
  const { t } = useTranslation();
  return (
    <section className={panel.panel} aria-labelledby="sources-title">
      <div className={panel.head}>
        <h2 className={panel.title} id="sources-title">
          {t('source.title')}
        </h2>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <div className={classes.scroll} tabIndex={0}>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">{t('source.split')}</th>
              <th scope="col">{t('source.position')}</th>
              <th scope="col">{t('source.end')}</th>
              <th scope="col">{t('source.waiting')}</th>
              <th scope="col">{t('source.lag')}</th>
              <th scope="col">{t('source.watermark')}</th>
            </tr>
          </thead>
          {sources.map((source, number) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a table may be read twice, always in the same order
            <Splits key={number} source={source} />
          ))}
        </table>
      </div>
    </section>
  );
}

function Splits({ source }: { source: Source }) {
  const { t } = useTranslation();
  const format = useFormat();
  const known = (value: number | null, text: (value: number) => string) =>
    value === null ? '–' : text(value);
  const time = (text: string | null) => (text === null ? '–' : format.time(Date.parse(text)));
  const rest = source.splits.length - SHOWN_MAX;
  return (
    <tbody>
      <tr className={classes.source}>
        <th scope="rowgroup" colSpan={5}>
          {source.table}
        </th>
        <td>{time(source.watermark)}</td>
      </tr>
      {source.splits.slice(0, SHOWN_MAX).map(split => (
        <tr key={split.name} data-behind={(split.waiting_rows ?? 0) > 0 || undefined}>
          <th scope="row">
            {split.name}
            {split.ended ? (
              <small>{t('source.ended')}</small>
            ) : (
              split.idle && <small>{t('source.idle')}</small>
            )}
          </th>
          <td>{known(split.position, format.count)}</td>
          <td>{known(split.end, format.count)}</td>
          <td className={classes.waiting}>{known(split.waiting_rows, format.count)}</td>
          <td>{known(split.lag_ms, format.duration)}</td>
          <td>{time(split.watermark)}</td>
        </tr>
      ))}
      {rest > 0 && (
        <tr>
          <td colSpan={6} className={classes.rest}>
            {t('source.more', { rest: format.count(rest) })}
          </td>
        </tr>
      )}
    </tbody>
  );
}
