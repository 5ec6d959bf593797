import { get, Refused } from './get';
import { getJob, type JobDetail } from './jobs';

export interface TableSummary {
  name: string;
  kind: string;
  columns: number;
  comment?: string;
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
}

/** How far a table is settled. */
export interface Progress {
  /** What the table says about event times before this will not change; null when nothing is final. */
  final_until: string | null;
  watermark: string | null;
  /** Who keeps `final_until` from moving; null when nobody does. */
  blocked_by: string | null;
  late_rows: number;
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
