import { useTranslation } from 'react-i18next';
import type { MinuteState } from '../api/live';
import classes from './window-state.module.css';

/** The colour of a state, as charts have it. */
export function Swatch({ state }: { state: MinuteState }) {
  return <span className={classes.swatch} data-state={state} aria-hidden />;
}

/** How far a window is settled, as a word with a colour. */
export function WindowState({ state }: { state: MinuteState }) {
  const { t } = useTranslation();
  return (
    <span className={classes.state} title={t(`stateDetail.${state}`)}>
      <Swatch state={state} />
      {t(`state.${state}`)}
    </span>
  );
}
