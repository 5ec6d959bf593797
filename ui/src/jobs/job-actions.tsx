import { Button, Loader, Popover } from '@mantine/core';
import { IconPlayerPause, IconPlayerPlay, IconRefresh } from '@tabler/icons-react';
import { type ReactNode, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Refused } from '../api/call';
import { act, type Job, type JobAction, type JobDetail } from '../api/jobs';
import type { Problem } from '../api/problem';
import explanation from '../app/explanation.module.css';
import { useFormat } from '../format/format';
import classes from './job-actions.module.css';

type Outcome =
  | { kind: 'none' }
  | { kind: 'waiting'; action: JobAction }
  | { kind: 'done'; action: JobAction }
  /** `problem` is null when the server cannot be reached. */
  | { kind: 'refused'; problem: Problem | null };

interface JobActionsProps {
  job: Job;
  /** Gets the job as it is after an action. */
  onDone: (job: JobDetail) => void;
}

/** Suspends, resumes and restarts a job, once somebody has read what follows from it. */
export function JobActions({ job, onDone }: JobActionsProps) {
  const { t } = useTranslation();
  const [outcome, setOutcome] = useState<Outcome>({ kind: 'none' });
  if (job.state === 'finished') return null;

  const run = async (action: JobAction) => {
    setOutcome({ kind: 'waiting', action });
    try {
      onDone(await act(job.name, action));
      setOutcome({ kind: 'done', action });
    } catch (error) {
      setOutcome({ kind: 'refused', problem: error instanceof Refused ? error.problem : null });
    }
  };
  const suspended = job.state === 'suspended';
  const shared = { job, run, waiting: outcome.kind === 'waiting' ? outcome.action : null };
  return (
    <div className={classes.actions}>
      {outcome.kind === 'refused' ? (
        <p className={classes.refused} role="alert">
          {outcome.problem?.detail ?? t('message.unreachable')} {outcome.problem?.hint}
        </p>
      ) : (
        <p role="status">{outcome.kind === 'done' && t(`action.${outcome.action}.done`)}</p>
      )}
      {/* One button, so that it keeps the focus when it has done its work. */}
      <Ask
        {...shared}
        action={suspended ? 'resume' : 'suspend'}
        icon={
          suspended ? <IconPlayerPlay size={14} aria-hidden /> : <IconPlayerPause size={14} aria-hidden />
        }
      />
      <Ask {...shared} action="restart" icon={<IconRefresh size={14} aria-hidden />} disabled={suspended} />
    </div>
  );
}

interface AskProps {
  job: Job;
  action: JobAction;
  icon: ReactNode;
  run: (action: JobAction) => Promise<void>;
  /** The action that the server has not answered yet. */
  waiting: JobAction | null;
  disabled?: boolean;
}

/** A button that says what would happen before it happens. It is not disabled while it waits, and keeps the focus. */
function Ask({ job, action, icon, run, waiting, disabled = false }: AskProps) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const titleId = useId();
  const name = t(`action.${action}.name`);
  return (
    <Popover
      opened={opened}
      onChange={setOpened}
      position="bottom-end"
      width={320}
      shadow="lg"
      transitionProps={{ duration: 100 }}
      trapFocus
      returnFocus
      withArrow
    >
      <Popover.Target>
        <Button
          size="xs"
          variant="default"
          leftSection={waiting === action ? <Loader size={14} color="currentColor" aria-hidden /> : icon}
          aria-busy={waiting === action}
          disabled={disabled}
          onClick={() => waiting === null && setOpened(!opened)}
        >
          {name}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-labelledby={titleId} className={explanation.explanation}>
        <h2 id={titleId}>{t(`action.${action}.question`, { job: job.name })}</h2>
        <p>{action === 'suspend' ? t('action.suspend.detail') : <Plan job={job} />}</p>
        <div className={classes.choice}>
          <Button size="xs" variant="default" onClick={() => setOpened(false)}>
            {t('action.cancel')}
          </Button>
          <Button
            size="xs"
            onClick={() => {
              setOpened(false);
              void run(action);
            }}
          >
            {name}
          </Button>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

/** Where the job would go on. */
function Plan({ job }: { job: Job }) {
  const { t } = useTranslation();
  const format = useFormat();
  const plan = job.restart;
  if (!plan || plan.epoch === 0) return t('action.fromBeginning');
  const where = t('action.fromEpoch', { epoch: format.count(plan.epoch), age: format.duration(plan.age_ms) });
  if (plan.replay_events === null) return where;
  return `${where} ${t('action.reads', { events: format.count(plan.replay_events) })}`;
}
