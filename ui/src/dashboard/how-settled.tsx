import { Popover } from '@mantine/core';
import { IconInfoCircle } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import type { Dashboard, MinuteState } from '../api/live';
import { Swatch } from '../app/window-state';
import { useFormat } from '../format/format';
import classes from './how-settled.module.css';
import { countStates, type Point } from './measures';

const ORDER: readonly MinuteState[] = [
  'final',
  'final_with_gap',
  'amended',
  'provisional',
  'blocked',
  'open',
];

/** Explains the tidemark with the page's own minutes as the example. */
export function HowSettled({ dashboard, series }: { dashboard: Dashboard; series: readonly Point[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const titleId = useId();
  const counts = countStates(series);
  const moment = (time: string | null) => (time === null ? '–' : format.moment(Date.parse(time)));
  return (
    <Popover
      position="bottom-start"
      width={360}
      shadow="lg"
      transitionProps={{ duration: 100 }}
      trapFocus
      returnFocus
      withArrow
    >
      <Popover.Target>
        <button type="button" className={classes.button}>
          <IconInfoCircle size={15} stroke={1.8} aria-hidden />
          {t('tide.how')}
        </button>
      </Popover.Target>
      <Popover.Dropdown aria-labelledby={titleId} className={classes.box} tabIndex={0} data-autofocus>
        <h2 id={titleId}>{t('tide.how')}</h2>
        <p>{t('tide.howIntro')}</p>
        <dl className={classes.moments}>
          <dt>{t('tide.howFinal')}</dt>
          <dd>{moment(dashboard.final_until)}</dd>
          <dt>{t('tide.howWatermark')}</dt>
          <dd>{moment(dashboard.watermark)}</dd>
          <dt>{t('tide.howFreshness')}</dt>
          <dd>
            {dashboard.ingest.freshness_ms === null ? '–' : format.latency(dashboard.ingest.freshness_ms)}
          </dd>
        </dl>
        <h3>{t('tide.howMinutes')}</h3>
        <ul className={classes.states}>
          {ORDER.map(state => (
            <li key={state}>
              <Swatch state={state} />
              <span>
                <b>{t(`state.${state}`)}</b>
                <small>{t(`stateDetail.${state}`)}</small>
              </span>
              <span className={classes.count}>{counts[state]}</span>
            </li>
          ))}
        </ul>
        <p>
          {t('tide.howEvidence')}{' '}
          {dashboard.tables?.map(table => (
            <Link key={table} to="/tables/$name" params={{ name: table }} className={classes.table}>
              {table}
            </Link>
          ))}
        </p>
      </Popover.Dropdown>
    </Popover>
  );
}
