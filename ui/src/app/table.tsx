import type { ReactNode } from 'react';
import classes from './table.module.css';

/** A column's head. */
export interface Column {
  name: string;
  /** What it means, where the name cannot say it. */
  hint?: string;
  /** Numbers stand at the right; their cells have `data-numeric` too. */
  numeric?: boolean;
  /** Left out where there is little room; its cells have `data-minor` too. */
  minor?: boolean;
}

interface TableProps {
  columns: readonly Column[];
  /** Of the part that scrolls, for those who do not see what stands above it. */
  label: string;
  /** Rows of things that can be opened, instead of numbers in a panel. */
  list?: boolean;
  /** The bodies. */
  children: ReactNode;
}

/** A table that scrolls sideways in what room there is. */
export function Table({ columns, label, list = false, children }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section className={classes.scroll} data-list={list || undefined} aria-label={label} tabIndex={0}>
      <table className={classes.table}>
        <thead>
          <tr>
            {columns.map(column => (
              <th
                key={column.name}
                scope="col"
                title={column.hint}
                data-numeric={column.numeric || undefined}
                data-minor={column.minor || undefined}
              >
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        {children}
      </table>
    </section>
  );
}

/** What is not known, or not there. */
export function None() {
  return <span className={classes.quiet}>–</span>;
}
