import { Skeleton, VisuallyHidden } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Polled } from '../live/polled';
import { Frame, Message, ProblemMessage } from './frame';

interface AskedProps<T> {
  state: Polled<T>;
  children: (value: T) => ReactNode;
}

/** What a page shows of something that it asks for: its shape at first, the answer, or why there is none. */
export function Asked<T>({ state, children }: AskedProps<T>) {
  const { t } = useTranslation();
  if (state.kind === 'loading') {
    return (
      <Frame busy>
        <VisuallyHidden>{t('message.loading')}</VisuallyHidden>
        <Skeleton height={64} radius={12} />
        <Skeleton height={320} radius={12} />
      </Frame>
    );
  }
  if (state.kind === 'failed') {
    if (state.problem) return <ProblemMessage problem={state.problem} />;
    return (
      <Message title={t('message.unreachable')} role="alert">
        <p>{t('message.again')}</p>
      </Message>
    );
  }
  return <Frame staleSince={state.stale ? state.at : undefined}>{children(state.value)}</Frame>;
}
