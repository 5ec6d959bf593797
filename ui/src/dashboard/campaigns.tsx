import { useTranslation } from 'react-i18next';
import type { Campaign } from '../api/live';
import { Panel } from '../app/panel';
import { type Column, Table } from '../app/table';
import { useFormat } from '../format/format';
import classes from './campaigns.module.css';

/** The campaigns with the most revenue; the bar behind a name is its revenue against the largest. */
export function Campaigns({ campaigns, currency }: { campaigns: readonly Campaign[]; currency: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const largest = Math.max(0, ...campaigns.map(row => Number(row.revenue)));
  const columns: Column[] = [
    { name: t('campaigns.campaign') },
    { name: t('campaigns.impressions'), hint: t('measure.impressions'), numeric: true },
    { name: t('campaigns.clicks'), numeric: true, minor: true },
    { name: t('campaigns.ctr'), hint: t('measure.ctr'), numeric: true },
    { name: t('campaigns.revenue'), numeric: true },
  ];
  return (
    <Panel title={t('campaigns.title')} note={t('campaigns.span')}>
      {campaigns.length === 0 ? (
        <p className={classes.empty}>{t('campaigns.empty')}</p>
      ) : (
        <div className={classes.campaigns}>
          <Table columns={columns} label={t('campaigns.title')}>
            <tbody>
              {campaigns.map(row => (
                <tr key={row.campaign}>
                  <th scope="row" title={row.campaign}>
                    <span className={classes.name}>{row.campaign}</span>
                    <span
                      className={classes.share}
                      style={{ transform: `scaleX(${largest > 0 ? Number(row.revenue) / largest : 0})` }}
                      aria-hidden
                    />
                  </th>
                  <td data-numeric>{format.compact(Number(row.impressions))}</td>
                  <td data-numeric data-minor>
                    {format.compact(Number(row.clicks))}
                  </td>
                  <td data-numeric>{format.percent(row.ctr)}</td>
                  <td data-numeric className={classes.revenue}>
                    {format.moneyHeadline(row.revenue, currency)}
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        </div>
      )}
    </Panel>
  );
}
