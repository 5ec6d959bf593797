import { useMemo } from 'react';
import type { Dashboard } from '../api/live';
import { Frame } from '../app/frame';
import { useTitle } from '../app/title';
import type { LiveState } from '../live/state';
import { useLive } from '../live/use-live';
import { Campaigns } from './campaigns';
import { Empty, Loading, Unmade } from './empty';
import { points, settledCount } from './measures';
import classes from './page.module.css';
import { Panels } from './panels';
import { TideHeader } from './tide-header';
import { Tiles } from './tiles';

/** The live page of the ad demo. */
export function DashboardPage() {
  const live = useLive();
  useTitle();
  if (live.problem) return <Unmade problem={live.problem} />;
  if (!live.dashboard) return <Loading unreachable={live.attempts > 1} />;
  return <Live dashboard={live.dashboard} connection={live.connection} />;
}

function Live({ dashboard, connection }: { dashboard: Dashboard; connection: LiveState['connection'] }) {
  const series = useMemo(() => points(dashboard), [dashboard]);
  const settled = settledCount(series);
  const staleSince = connection === 'reconnecting' ? Date.parse(dashboard.now) : undefined;
  return (
    <Frame staleSince={staleSince}>
      <TideHeader dashboard={dashboard} series={series} />
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
    </Frame>
  );
}
