import { Skeleton, VisuallyHidden } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Problem } from '../api/problem';
import { Commands, Frame, Lost, Message, ProblemMessage } from '../app/frame';
import page from './page.module.css';
import tiles from './tiles.module.css';

/** The page's shape before its first numbers, so that nothing jumps when they come. */
export function Loading({ unreachable }: { unreachable: boolean }) {
  const { t } = useTranslation();
  return (
    <Frame busy>
      <VisuallyHidden>{t('empty.loading')}</VisuallyHidden>
      {unreachable && <Lost>{t('connection.unreachable')}</Lost>}
      <Skeleton height={192} radius={12} />
      <div className={tiles.tiles}>
        {['a', 'b', 'c', 'd', 'e'].map(key => (
          <div key={key} className={tiles.place}>
            <Skeleton height={120} radius={12} />
          </div>
        ))}
      </div>
      <div className={page.body}>
        <Skeleton height={556} radius={12} />
        <Skeleton height={556} radius={12} />
      </div>
    </Frame>
  );
}

/** Connected, but no event has arrived. */
export function Empty() {
  const { t } = useTranslation();
  const { origin } = window.location;
  return (
    <Message title={t('empty.title')}>
      <p>{t('empty.detail')}</p>
      <Commands lines={[`curl ${origin}/api/v1/events/ods_impressions --data-binary @impressions.ndjson`]} />
    </Message>
  );
}

/** The tables of the page are not there: the server may well have others. */
export function Unmade({ problem }: { problem: Problem }) {
  const { t } = useTranslation();
  return (
    <ProblemMessage problem={problem}>
      <p>
        <Link to="/tables">{t('empty.tables')}</Link>
      </p>
    </ProblemMessage>
  );
}
