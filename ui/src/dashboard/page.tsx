import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Dashboard } from '../api/live';
import { useFormat } from '../format/format';
import type { LiveState } from '../live/state';
import { useLive } from '../live/use-live';
import { Campaigns } from './campaigns';
import { Empty, Loading, Problem } from './empty';
import { points, settledCount } from './measures';
import classes from './page.module.css';
import { Panels } from './panels';
import { TideHeader } from './tide-header';
import { Tiles } from './tiles';

/** The live page of the ad demo. */
export function DashboardPage() {
  const live = useLive();
  if (live.problem) return <Problem problem={live.problem} />;
  if (!live.dashboard) return <Loading unreachable={live.attempts > 1} />;
  return <Live dashboard={live.dashboard} connection={live.connection} />;
}

function Live({ dashboard, connection }: { dashboard: Dashboard; connection: LiveState['connection'] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const series = useMemo(() => points(dashboard), [dashboard]);
  const settled = settledCount(series);
  const stale = connection === 'reconnecting';
  return (
    <div className={classes.page} data-stale={stale || undefined}>
      <TideHeader dashboard={dashboard} series={series} />
      {stale && (
        <p className={classes.stale} role="alert">
          {t('connection.stale', { time: format.time(Date.parse(dashboard.now)) })}
        </p>
      )}
      {series.length === 0 ? (
        <Empty />
      ) : (
        <>
          <Tiles totals={dashboard.totals} currency={dashboard.currency} series={series} settled={settled} />
          <div className={classes.body}>
            <Panels dashboard={dashboard} series={series} settled={settled} />
            <Campaigns campaigns={dashboard.campaigns} currency={dashboard.currency} />
          </div>
        </>
      )}
    </div>
  );
}
