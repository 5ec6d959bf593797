import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Problem } from '../api/problem';
import { useFormat } from '../format/format';
import { Code } from './code';
import classes from './frame.module.css';

interface FrameProps {
  /** When the numbers that are shown were true, epoch milliseconds, once there are no newer ones. */
  staleSince?: number | undefined;
  busy?: boolean;
  children: ReactNode;
}

/** A page's parts below each other; numbers that are not live any more are paler, and it is said why. */
export function Frame({ staleSince, busy, children }: FrameProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const stale = staleSince !== undefined;
  return (
    <div className={classes.frame} data-stale={stale || undefined} aria-busy={busy}>
      {stale && <Lost>{t('connection.stale', { time: format.time(staleSince) })}</Lost>}
      {children}
    </div>
  );
}

/** That there is no connection. It lies over the page's foot instead of pushing numbers around. */
export function Lost({ children }: { children: ReactNode }) {
  return (
    <p className={classes.lost} role="alert">
      {children}
    </p>
  );
}

interface MessageProps {
  title: string;
  role?: 'alert';
  children: ReactNode;
}

/** What stands where there is nothing to show. */
export function Message({ title, role, children }: MessageProps) {
  return (
    <section className={classes.message} role={role}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

interface ProblemMessageProps {
  problem: Problem;
  /** What else one can do. */
  children?: ReactNode;
}

/** The server has said why there is nothing to show. */
export function ProblemMessage({ problem, children }: ProblemMessageProps) {
  const { t } = useTranslation();
  return (
    <Message title={t('message.problem')} role="alert">
      <p>{problem.detail}</p>
      {problem.hint && <p>{problem.hint}</p>}
      {children}
      <p className={classes.quiet}>
        {t('message.again')} <code>{problem.code}</code>
      </p>
    </Message>
  );
}

/** Lines for a terminal, to be copied. */
export function Commands({ lines }: { lines: readonly string[] }) {
  const { t } = useTranslation();
  return <Code label={t('message.commands')}>{lines.join('\n')}</Code>;
}
