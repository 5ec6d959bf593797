import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Source } from '../api/jobs';
import { Panel } from '../app/panel';
import { type Column, Table } from '../app/table';
import { useFormat } from '../format/format';
import classes from './source-table.module.css';

/** Splits that are listed of a source; a folder may have thousands of files. */
const SHOWN_MAX = 64;

interface SourceTableProps {
  /** `job` says who has read, where it can be more than one. */
  sources: readonly (Source & { job?: string })[];
}

/** How far every partition of a job's sources was read: the evidence for how far its table is. */
export function SourceTable({ sources }: SourceTableProps) {
  const { t } = useTranslation();
  const columns: Column[] = [
    { name: t('source.split') },
    { name: t('source.position'), hint: t('source.positionHint'), numeric: true, minor: true },
    { name: t('source.end'), hint: t('source.endHint'), numeric: true, minor: true },
    { name: t('source.waiting'), hint: t('jobs.waitingHint'), numeric: true },
    { name: t('source.lag'), hint: t('source.lagHint'), numeric: true },
    { name: t('source.watermark'), hint: t('source.watermarkHint'), numeric: true },
  ];
  return (
    <Panel title={t('source.title')}>
      <Table columns={columns} label={t('source.title')}>
        {sources.map((source, number) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a table may be read twice, always in the same order
          <Splits key={number} source={source} />
        ))}
      </Table>
    </Panel>
  );
}

function Splits({ source }: { source: SourceTableProps['sources'][number] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const known = (value: number | null, text: (value: number) => string) =>
    value === null ? '–' : text(value);
  const time = (text: string | null) => (text === null ? '–' : format.moment(Date.parse(text)));
  const rest = source.splits.length - SHOWN_MAX;
  return (
    <tbody>
      <tr className={classes.source}>
        <th scope="rowgroup">
          <Link to="/tables/$name" params={{ name: source.table }}>
            {source.table}
          </Link>
          {source.job && <small>{t('source.readBy', { job: source.job })}</small>}
        </th>
        <td data-minor />
        <td data-minor />
        <td />
        <td />
        <td data-numeric>{time(source.watermark)}</td>
      </tr>
      {source.splits.slice(0, SHOWN_MAX).map(split => (
        <tr
          key={split.name}
          className={classes.split}
          data-behind={(split.waiting_rows ?? 0) > 0 || undefined}
        >
          <th scope="row">
            {split.name}
            {split.ended ? (
              <small>{t('source.ended')}</small>
            ) : (
              split.idle && <small>{t('source.idle')}</small>
            )}
          </th>
          <td data-numeric data-minor>
            {known(split.position, format.count)}
          </td>
          <td data-numeric data-minor>
            {known(split.end, format.count)}
          </td>
          <td data-numeric className={classes.waiting}>
            {known(split.waiting_rows, format.count)}
          </td>
          <td data-numeric>{known(split.lag_ms, format.duration)}</td>
          <td data-numeric>{time(split.watermark)}</td>
        </tr>
      ))}
      {rest > 0 && (
        <tr>
          <td colSpan={4} className={classes.rest}>
            {t('source.more', { rest: format.count(rest) })}
          </td>
        </tr>
      )}
    </tbody>
  );
}
