import { useTranslation } from 'react-i18next';
import { useFormat } from './format';

/** The year that stands for the end of time: all input has ended, and everything is settled. */
const NEVER = '9999';

/** How an instant reads up to which something is settled, as the API writes it. */
export function useUntil(): (time: string) => string {
  const { t } = useTranslation();
  const format = useFormat();
  return time => (time.startsWith(NEVER) ? t('table.everything') : format.moment(Date.parse(time)));
}
