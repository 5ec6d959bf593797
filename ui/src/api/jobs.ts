import { get, post } from './call';
import type { Problem } from './problem';

/** What a job is doing. */
export type JobState = 'starting' | 'running' | 'suspended' | 'failed' | 'finished';

/** A job as `GET /api/v1/jobs` lists it; null is what has not been measured. Counts are since its present run began. */
export interface Job {
  name: string;
  state: JobState;
  /** Why it failed. */
  error?: Problem;
  started_at: string | null;
  rows_in: number;
  rows_out: number;
  rows_per_second: number;
  late_rows: number;
  /** In its sources, not read yet. */
  waiting_rows: number | null;
  /** From now back to the watermark. */
  lag_ms: number | null;
  watermark: string | null;
  /** Part of the time, 0 to 1, that its sources wait for what is behind them. */
  back_pressure: number | null;
  epoch: number;
  epoch_ms: number | null;
  committed_at: string | null;
  restarts: number;
  /** Also when it matters no more. */
  last_failure?: Problem;
  failed_at?: string;
  /** What is not right and does not stop it. */
  warning?: Problem;
  /** The building of its table's next version, or the last one. */
  upgrade?: Upgrade;
  /** What it would do if it started anew now. */
  restart?: RestartPlan;
  state_bytes: number | null;
  spilled_bytes: number | null;
  cpu_seconds: number | null;
  memory_bytes: number | null;
  held_by: Holdup | null;
}

/** A table's next version is built beside what it is. */
export interface Upgrade {
  phase: 'replaying' | 'catching' | 'swapped' | 'failed';
  replayed_events: number;
  total_events: number;
  error?: Problem;
}

/** What a job would do if it started anew. */
export interface RestartPlan {
  /** That it would go on from; 0 for the beginning of its sources. */
  epoch: number;
  age_ms: number;
  /** Events that it would read; null when that is not known. */
  replay_events: number | null;
}

/** Who holds a job back. */
export interface Holdup {
  operator: number;
  name: string;
  /** Part of the time, 0 to 1, that its worker works. */
  busy: number;
}

/** A single job, as `GET /api/v1/jobs/{name}` gives it. */
export interface JobDetail extends Job {
  /** In the order of the plan, the sink first; absent while it does not run. */
  operators?: Operator[];
  sources?: Source[];
}

/** A part of a job's plan with what it costs on all workers. */
export interface Operator {
  /** 0 is the sink. */
  id: number;
  name: string;
  details: string[];
  inputs: number[];
  rows_in: number;
  rows_out: number;
  bytes_in: number;
  bytes_out: number;
  cpu_seconds: number;
  busy_seconds: number;
  input_wait_seconds: number;
  output_wait_seconds: number;
  memory_bytes: number | null;
  recent: Load;
  workers: { rows_in: number; cpu_seconds: number; memory_bytes: number | null }[];
}

/** Over about the last second; parts of the time are 0 to 1. */
export interface Load {
  rows_in_per_second: number;
  rows_out_per_second: number;
  cpu: number;
  busy: number;
  input_wait: number;
  output_wait: number;
}

export interface Source {
  table: string;
  watermark: string | null;
  splits: Split[];
}

/** A partition or a file. */
export interface Split {
  name: string;
  /** Offset of the next row, and behind the newest one. */
  position: number | null;
  end: number | null;
  waiting_rows: number | null;
  lag_ms: number | null;
  watermark: string | null;
  idle: boolean;
  ended: boolean;
  last_row_at: string | null;
}

export async function listJobs(signal: AbortSignal): Promise<Job[]> {
  return (await get<{ jobs: Job[] }>('/api/v1/jobs', signal)).jobs;
}

export function getJob(name: string, signal: AbortSignal): Promise<JobDetail> {
  return get<JobDetail>(`/api/v1/jobs/${encodeURIComponent(name)}`, signal);
}

/** What can be asked of a job here; there are more actions for `tidemark` and programs. */
export type JobAction = 'suspend' | 'resume' | 'restart';

/** Gives the job as it is once it has taken the action up. It throws as get does. */
export function act(name: string, action: JobAction): Promise<JobDetail> {
  return post<JobDetail>(`/api/v1/jobs/${encodeURIComponent(name)}/actions`, { action });
}
