import type { ReactNode } from 'react';
import classes from './figures.module.css';

/** The numbers of a thing, side by side. */
export function Figures({ children }: { children: ReactNode }) {
  return <dl className={classes.figures}>{children}</dl>;
}

interface FigureProps {
  name: string;
  /** What the number has to be seen with. */
  note?: ReactNode;
  tone?: 'bad' | 'mark' | undefined;
  /** The number. */
  children: ReactNode;
}

/** A number with its name. */
export function Figure({ name, note, tone, children }: FigureProps) {
  return (
    <div className={classes.figure}>
      <dt>{name}</dt>
      <dd>{children}</dd>
      {note && (
        <dd className={classes.note} data-tone={tone}>
          {note}
        </dd>
      )}
    </div>
  );
}
