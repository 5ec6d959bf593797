import classes from './code.module.css';

/** A text as a program reads it; it scrolls in what room there is. */
export function Code({ label, children }: { label: string; children: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section className={classes.code} aria-label={label} tabIndex={0}>
      <pre>{children}</pre>
    </section>
  );
}
