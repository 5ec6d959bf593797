import { Skeleton, VisuallyHidden } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../format/format';
import type { Polled } from '../live/polled';
import classes from './asked.module.css';

interface AskedProps<T> {
  state: Polled<T>;
  children: (value: T) => ReactNode;
}

/** What a page shows of something that it asks for: its shape at first, the answer, or why there is none. */
export function Asked<T>({ state, children }: AskedProps<T>) {
  const { t } = useTranslation();
  const format = useFormat();
  if (state.kind === 'loading') {
    return (
      <div className={classes.page} aria-busy>
        <VisuallyHidden>{t('asked.loading')}</VisuallyHidden>
        <Skeleton height={64} radius={12} />
        <Skeleton height={320} radius={12} />
      </div>
    );
  }
  if (state.kind === 'failed') {
    const { problem } = state;
    return (
      <section className={classes.box} role="alert">
        <h2>{t(problem ? 'empty.problemTitle' : 'asked.unreachable')}</h2>
        <p>{problem ? problem.detail : t('asked.again')}</p>
        {problem?.hint && <p>{problem.hint}</p>}
        {problem && <code>{problem.code}</code>}
      </section>
    );
  }
  return (
    <div className={classes.page} data-stale={state.stale || undefined}>
      {state.stale && (
        <p className={classes.stale} role="alert">
          {t('connection.stale', { time: format.time(state.at) })}
        </p>
      )}
      {children(state.value)}
    </div>
  );
}

/** Nothing is wrong, and there is nothing. */
export function Nothing({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.box}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
