import { VisuallyHidden } from '@mantine/core';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { ConnectionChip } from './connection-chip';
import { Logo } from './logo';
import { Preferences } from './preferences';
import classes from './shell.module.css';

/** What every page has around it. */
export function Shell() {
  const { t } = useTranslation();
  const path = useRouterState({ select: state => state.location.pathname });
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#content">
        {t('page.skip')}
      </a>
      <header className={classes.header}>
        <Link to="/" className={classes.brand} aria-label="Tidemark">
          <Logo />
          <span>Tidemark</span>
        </Link>
        <nav className={classes.pages} aria-label={t('page.navigation')}>
          <Link to="/" activeOptions={{ exact: true }}>
            {t('page.live')}
          </Link>
          <Link to="/jobs">{t('page.jobs')}</Link>
          <Link to="/tables">{t('page.tables')}</Link>
          <Link to="/sql">{t('page.sql')}</Link>
        </nav>
        <VisuallyHidden component="h1">{t(headingOf(path))}</VisuallyHidden>
        <div className={classes.tools}>
          <ConnectionChip />
          <Preferences />
        </div>
      </header>
      <main id="content" className={classes.main} tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}

function headingOf(path: string) {
  switch (path.split('/')[1]) {
    case 'jobs':
      return 'page.jobsHeading';
    case 'tables':
      return 'page.tablesHeading';
    case 'sql':
      return 'page.sqlHeading';
    default:
      return 'page.liveHeading';
  }
}

/** Shown at an address that is no page. */
export function NotFound() {
  const { t } = useTranslation();
  return (
    <div className={classes.notice}>
      <p>{t('page.notFound')}</p>
      <Link to="/">{t('page.home')}</Link>
    </div>
  );
}

/** Shown when drawing a page throws; the stream and the header go on. */
export function Crashed({ error }: { error: unknown }) {
  const { t } = useTranslation();
  return (
    <div className={classes.notice} role="alert">
      <p>{t('page.crashed')}</p>
      <VisuallyHidden>{String(error)}</VisuallyHidden>
      <button type="button" className={classes.button} onClick={() => window.location.reload()}>
        {t('page.reload')}
      </button>
    </div>
  );
}
