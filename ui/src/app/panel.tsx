import { type ReactNode, useId } from 'react';
import classes from './panel.module.css';

interface HeadProps {
  title: string;
  /** What more there is to say of the title, quietly behind it. */
  note?: string;
  id?: string;
  /** What stands at the right. */
  children?: ReactNode;
}

/** The head of a panel, or of one of its parts. */
export function PanelHead({ title, note, id, children }: HeadProps) {
  return (
    <div className={classes.head}>
      <h2 className={classes.title} id={id} title={title}>
        {title}
      </h2>
      {note && <span className={classes.note}>{note}</span>}
      {children}
    </div>
  );
}

interface PanelProps extends Omit<HeadProps, 'id'> {
  /** What stands at the right of the head. */
  aside?: ReactNode;
}

/** A part of a page with a head. */
export function Panel({ aside, children, ...head }: PanelProps) {
  const id = useId();
  return (
    <section className={classes.panel} aria-labelledby={id}>
      <PanelHead {...head} id={id}>
        {aside}
      </PanelHead>
      {children}
    </section>
  );
}
