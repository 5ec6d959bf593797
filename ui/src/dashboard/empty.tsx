import { Skeleton, VisuallyHidden } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Problem as ProblemDocument } from '../api/problem';
import classes from './empty.module.css';
import page from './page.module.css';

/** The page's shape before its first numbers, so that nothing jumps when they come. */
export function Loading({ unreachable }: { unreachable: boolean }) {
  const { t } = useTranslation();
  return (
    <div className={page.page} aria-busy>
      <VisuallyHidden>{t('empty.loading')}</VisuallyHidden>
      {unreachable && (
        <p className={page.stale} role="alert">
          {t('connection.unreachable')}
        </p>
      )}
      <Skeleton height={174} radius={12} />
      <div className={classes.tiles}>
        {['a', 'b', 'c', 'd', 'e'].map(key => (
          <Skeleton key={key} height={120} radius={12} />
        ))}
      </div>
      <div className={page.body}>
        <Skeleton height={556} radius={12} />
        <Skeleton height={556} radius={12} />
      </div>
    </div>
  );
}

/** Connected, but no event has arrived. */
export function Empty() {
  const { t } = useTranslation();
  return (
    <section className={classes.box}>
      <h2>{t('empty.emptyTitle')}</h2>
      <p>{t('empty.emptyDetail')}</p>
      <pre className={classes.code}>
        {`curl -X POST ${window.location.origin}/api/v1/events/impressions \\\n     --data-binary @impressions.ndjson`}
      </pre>
    </section>
  );
}

/** The server has said why there is nothing to show. */
export function Problem({ problem }: { problem: ProblemDocument }) {
  const { t } = useTranslation();
  return (
    <section className={classes.box} role="alert">
      <h2>{t('empty.problemTitle')}</h2>
      <p>{problem.detail}</p>
      {problem.hint && <p>{problem.hint}</p>}
      <p className={classes.quiet}>
        {t('empty.problemHint')} <code>{problem.code}</code>
      </p>
    </section>
  );
}
