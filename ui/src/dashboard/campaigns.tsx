import { useTranslation } from 'react-i18next';
import type { Campaign } from '../api/live';
import { useFormat } from '../format/format';
import classes from './campaigns.module.css';
import panel from './panel.module.css';

/** The campaigns with the most revenue; the bar behind a name is its revenue against the largest. */
export function Campaigns({ campaigns, currency }: { campaigns: readonly Campaign[]; currency: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const largest = Math.max(0, ...campaigns.map(row => Number(row.revenue)));
  return (
    <section className={panel.panel} aria-labelledby="campaigns-title">
      <div className={panel.head}>
        <h2 className={panel.title} id="campaigns-title">
          {t('campaigns.title')}
        </h2>
        <span className={panel.note}>{t('campaigns.span')}</span>
      </div>
      {campaigns.length === 0 ? (
        <p className={classes.empty}>{t('campaigns.empty')}</p>
      ) : (
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">{t('campaigns.campaign')}</th>
              <th scope="col">{t('campaigns.impressions')}</th>
              <th scope="col" className={classes.clicks}>
                {t('campaigns.clicks')}
              </th>
              <th scope="col">{t('campaigns.ctr')}</th>
              <th scope="col">{t('campaigns.revenue')}</th>
            </tr>
          </thead>
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
                <td>{format.compact(Number(row.impressions))}</td>
                <td className={classes.clicks}>{format.compact(Number(row.clicks))}</td>
                <td>{format.percent(row.ctr)}</td>
                <td className={classes.revenue}>{format.moneyHeadline(row.revenue, currency)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
