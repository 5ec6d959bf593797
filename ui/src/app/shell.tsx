import { VisuallyHidden } from '@mantine/core';
import { Link, Outlet } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { ConnectionChip } from './connection-chip';
import { Logo } from './logo';
import { Preferences } from './preferences';
import classes from './shell.module.css';

/** What every page has around it. */
export function Shell() {
  const { t } = useTranslation();
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#content">
        {t('page.skip')}
      </a>
      <header className={classes.header}>
        <Link to="/" className={classes.brand}>
          <Logo />
          <span>Tidemark</span>
        </Link>
        <h1 className={classes.title}>{t('page.heading')}</h1>
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
