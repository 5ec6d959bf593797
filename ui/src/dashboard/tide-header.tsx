import { IconPlayerPause } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Dashboard } from '../api/live';
import { useFormat } from '../format/format';
import { HowSettled } from './how-settled';
import { epochSeconds, gaugeSpan, type Point } from './measures';
import { TideGauge } from './tide-gauge';
import classes from './tide-header.module.css';

/** Characters of a time without a date: 14:03:21. */
const TIME_LENGTH = 8;

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Up to when every number on the page is final, and what holds the line back when something does. */
export function TideHeader({ dashboard, series }: { dashboard: Dashboard; series: readonly Point[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const now = epochSeconds(dashboard.now);
  const finalUntil = dashboard.final_until === null ? null : epochSeconds(dashboard.final_until);
  const lag = finalUntil === null ? 0 : Math.max(0, now - finalUntil);
  const blocked = dashboard.blocked_by;
  const span = gaugeSpan(lag);
  const spanText = format.duration(span * 1000);
  const moment = finalUntil === null ? t('tide.none') : format.moment(finalUntil * 1000);
  return (
    <section className={classes.tide} aria-label={t('tide.label')}>
      <div className={classes.words}>
        <div className={classes.labelRow}>
          <span className={classes.label}>{t('tide.label')}</span>
          <HowSettled dashboard={dashboard} series={series} />
        </div>
        <p
          className={classes.time}
          data-long={moment.length > TIME_LENGTH || undefined}
          title={t('tide.zone', { zone: ZONE })}
        >
          {dashboard.final_until === null ? moment : <time dateTime={dashboard.final_until}>{moment}</time>}
        </p>
        <p className={classes.state}>
          {finalUntil === null
            ? t('tide.noneState')
            : t('tide.behind', { duration: format.duration(lag * 1000) })}
        </p>
        {blocked === null ? (
          <p className={classes.detail}>{t(finalUntil === null ? 'tide.noneDetail' : 'tide.behindDetail')}</p>
        ) : (
          <p className={classes.blocked} title={`${blocked}. ${t('tide.blockedDetail')}`}>
            <IconPlayerPause size={15} stroke={2} aria-hidden />
            <strong>{t('tide.blocked', { name: blocked })}</strong>
          </p>
        )}
      </div>
      <div className={classes.water}>
        <dl className={classes.ingest}>
          <div>
            <dt>{t('tide.events')}</dt>
            <dd>{format.count(Math.round(dashboard.ingest.events_per_second))}</dd>
          </div>
          <div>
            <dt title={t('tide.howFreshness')}>{t('tide.freshness')}</dt>
            <dd>
              {dashboard.ingest.freshness_ms === null ? '–' : format.latency(dashboard.ingest.freshness_ms)}
            </dd>
          </div>
        </dl>
        <TideGauge
          now={now}
          finalUntil={finalUntil}
          span={span}
          blocked={blocked !== null}
          label={
            finalUntil === null
              ? t('tide.gaugeNone', { span: spanText })
              : t('tide.gauge', { final: format.time(finalUntil * 1000), span: spanText })
          }
        />
      </div>
    </section>
  );
}
