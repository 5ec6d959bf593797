import { get, Refused } from './call';
import { getJob, type JobDetail, type Source } from './jobs';
import type { MinuteState } from './live';

export interface TableSummary {
  name: string;
  kind: string;
  columns: number;
  comment?: string;
  /** As in {@link Progress}. */
  final_until: string | null;
  blocked_by: string | null;
  /** Of a native table. */
  log?: EventLog;
}

/** What the event log has of a native table. */
export interface EventLog {
  events: number;
  /** That retention has removed. */
  gone: number;
  bytes: number;
  /** About. */
  oldest_at: string | null;
  /** Who still needs events; one a partition. */
  holds: { by: string; partition: number; events_behind: number; since: string | null }[];
  /** Events that could not be read. */
  quarantined: number;
}

export interface Table {
  name: string;
  kind: string;
  columns: { name: string; type: string; computed?: string; metadata?: string; comment?: string }[];
  primary_key: string[];
  watermark?: { column: string; expression: string };
  comment?: string;
  /** The statement that made it. */
  definition: string;
  upstream: string[];
  downstream: string[];
  /** Those that come with it, such as its quarantine. */
  system_tables: string[];
  /** Of a native table. */
  log?: EventLog;
}

/** The words are those of the live page, which shows windows of a minute. */
export type WindowState = MinuteState;

/** How far a window is settled. */
export interface Window {
  start: string;
  /** The first instant behind it. */
  end: string;
  state: WindowState;
  blocked_by: string | null;
  /** How often it was corrected after it had been final. */
  revision: number;
  /** What is known to be missing. */
  evidence: { gap: string | null };
}

/** A part of a table's input that may be missing. */
export interface Gap {
  id: string;
  from: string | null;
  until: string | null;
  /** Rows may still be added. */
  open: boolean;
  text: string;
}

/** How far a table is settled. */
export interface Progress {
  /** What the table says about event times before this will not change; null when nothing is final. */
  final_until: string | null;
  watermark: string | null;
  /** Who keeps `final_until` from moving; null when nobody does. */
  blocked_by: string | null;
  late_rows: number;
  gaps: Gap[];
  /** Of the last hour, the oldest first; none for a table without windows. */
  windows: Window[];
  /** How far each job has read what the table is made from, or the table itself when it is external. */
  sources: (Source & { job: string })[];
}

/** A table with all that its page shows; `job` is null for a table that no job keeps up to date. */
export interface TableView {
  table: Table;
  progress: Progress;
  job: JobDetail | null;
}

export async function listTables(signal: AbortSignal): Promise<TableSummary[]> {
  return (await get<{ tables: TableSummary[] }>('/api/v1/tables', signal)).tables;
}

export async function getTable(name: string, signal: AbortSignal): Promise<TableView> {
  const id = encodeURIComponent(name);
  const [table, progress, job] = await Promise.all([
    get<Table>(`/api/v1/tables/${id}`, signal),
    get<Progress>(`/api/v1/progress/${id}`, signal),
    getJob(name, signal).catch(error => {
      if (error instanceof Refused) return null;
      throw error;
    }),
  ]);
  return { table, progress, job };
}
