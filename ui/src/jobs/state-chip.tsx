import { useTranslation } from 'react-i18next';
import type { JobState } from '../api/jobs';
import classes from './state-chip.module.css';

/** What a job is doing, as a word with a colour. */
export function StateChip({ state }: { state: JobState }) {
  const { t } = useTranslation();
  return (
    <span className={classes.chip} data-state={state}>
      <span className={classes.dot} aria-hidden />
      {t(`job.state.${state}`)}
    </span>
  );
}
