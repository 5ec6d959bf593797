import { useTranslation } from 'react-i18next';
import type { Answer } from '../api/query';
import classes from './result-table.module.css';

const NUMERIC = /^(TINYINT|SMALLINT|INT|BIGINT|FLOAT|DOUBLE|DECIMAL)/;

/** The rows of an answer as they came: exact digits, no rounding, NULL told apart from the text. */
export function ResultTable({ answer }: { answer: Answer }) {
  const { t } = useTranslation();
  const { columns, rows } = answer;
  return (
    // A region that scrolls must be reachable by keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section className={classes.scroll} tabIndex={0} aria-label={t('sql.result')}>
      <table className={classes.table}>
        <thead>
          <tr>
            {columns.map((column, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have one name, and none moves
              <th key={index} scope="col" data-numeric={NUMERIC.test(column.type) || undefined}>
                {column.name} <small>{column.type}</small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, rowIndex) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity and never move
            <tr key={rowIndex}>
              {row.map((cell, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: as above
                <td key={index} data-numeric={NUMERIC.test(columns[index]?.type ?? '') || undefined}>
                  {cell === null ? <em>NULL</em> : cellText(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className={classes.none}>{t('sql.noRows')}</p>}
    </section>
  );
}

function cellText(cell: unknown): string {
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}
