import { useTranslation } from 'react-i18next';
import type { Window } from '../api/tables';
import { Panel } from '../app/panel';
import { type Column, Table } from '../app/table';
import { WindowState } from '../app/window-state';
import { useFormat } from '../format/format';
import classes from './windows.module.css';

/** Windows that are listed; what is older is final in all likelihood. */
const SHOWN_MAX = 60;

/** How far each window of the last hour is settled, the newest first, and why. */
export function Windows({ windows }: { windows: readonly Window[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns: Column[] = [
    { name: t('windows.from') },
    { name: t('windows.to'), minor: true },
    { name: t('windows.state') },
    { name: t('windows.remark') },
  ];
  const newest = windows.slice(-SHOWN_MAX).reverse();
  return (
    <Panel title={t('windows.title')} note={t('windows.note')}>
      <div className={classes.windows}>
        <Table columns={columns} label={t('windows.title')}>
          <tbody>
            {newest.map(window => (
              <tr key={`${window.start} ${window.end}`}>
                <th scope="row">{format.moment(Date.parse(window.start))}</th>
                <td data-minor>{format.moment(Date.parse(window.end))}</td>
                <td>
                  <WindowState state={window.state} />
                </td>
                <td>
                  <Remark window={window} />
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      </div>
    </Panel>
  );
}

/** Who holds a window back, what it lacks, or that it was corrected. */
function Remark({ window }: { window: Window }) {
  const { t } = useTranslation();
  const said = [
    window.blocked_by,
    window.evidence.gap,
    window.revision > 0 && t('windows.revised', { revision: window.revision }),
  ].filter(Boolean);
  return said.join(' · ');
}
