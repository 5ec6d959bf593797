import { useTranslation } from 'react-i18next';
import { useLive } from '../live/use-live';
import classes from './connection-chip.module.css';

/** Whether the numbers on the page are live; changes are announced to screen readers. */
export function ConnectionChip() {
  const { t } = useTranslation();
  const { connection } = useLive();
  return (
    <span className={classes.chip} role="status" data-connection={connection}>
      <span className={classes.dot} aria-hidden />
      <span className={classes.text}>{t(`connection.${connection}`)}</span>
    </span>
  );
}
