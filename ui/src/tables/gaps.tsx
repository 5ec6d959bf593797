import { useTranslation } from 'react-i18next';
import type { Gap } from '../api/tables';
import { Panel } from '../app/panel';
import { type Column, Table } from '../app/table';
import style from '../app/table.module.css';
import { useFormat } from '../format/format';

/** Parts of a table's input that may be missing; nothing where there are none. */
export function Gaps({ gaps }: { gaps: readonly Gap[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (gaps.length === 0) return null;
  const columns: Column[] = [
    { name: t('windows.from') },
    { name: t('windows.to') },
    { name: t('gaps.state') },
    { name: t('gaps.what') },
  ];
  return (
    <Panel title={t('gaps.title')} note={t('gaps.note')}>
      <Table columns={columns} label={t('gaps.title')}>
        <tbody>
          {gaps.map(gap => (
            <tr key={gap.id} data-gap={gap.id}>
              <th scope="row">
                {gap.from === null ? t('gaps.beginning') : format.moment(Date.parse(gap.from))}
              </th>
              <td>{gap.until === null ? t('gaps.away') : format.moment(Date.parse(gap.until))}</td>
              <td className={gap.open ? style.mark : undefined}>
                {t(gap.open ? 'gaps.open' : 'gaps.closed')}
              </td>
              <td>{gap.text}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Panel>
  );
}
