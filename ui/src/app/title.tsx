import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import classes from './title.module.css';

/** Says in the browser's tab and history what the page is about. */
export function useTitle(...parts: string[]): void {
  const title = [...parts, 'Tidemark'].join(' · ');
  useEffect(() => {
    document.title = title;
  }, [title]);
}

interface TitleProps {
  /** The list that the thing is in. */
  of: 'jobs' | 'tables';
  name: string;
  children: ReactNode;
}

/** What a page is about, below the list that it is in, with what there is to do with it. */
export function Title({ of, name, children }: TitleProps) {
  const { t } = useTranslation();
  useTitle(name, t(`page.${of}`));
  return (
    <div className={classes.title}>
      <Link to={`/${of}`}>{t(`page.${of}`)}</Link>
      <span aria-hidden>/</span>
      <h2>{name}</h2>
      {children}
    </div>
  );
}
