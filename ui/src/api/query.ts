import { post } from './call';

/** A column of an answer; `type` as Flink prints it. */
export interface Column {
  name: string;
  type: string;
}

/** The answer of `POST /api/v1/query`, as far as the page shows it. */
export interface Answer {
  columns: Column[];
  /** BIGINT and DECIMAL as strings, timestamps in RFC 3339, NULL as null; nested values as JSON has them. */
  rows: unknown[][];
  /** Everything in the answer before this event time will not change; null when nothing is final. */
  final_until: string | null;
}

/** Rows that the page asks for at most. */
export const ROWS_MAX = 1_000;

/**
 * Asks a question. It throws Refused when the server answers with a problem, and whatever fetch throws when
 * there is no answer; an aborted signal cancels the question on the server too.
 */
export function ask(sql: string, signal: AbortSignal): Promise<Answer> {
  return post<Answer>('/api/v1/query', { sql, max_rows: ROWS_MAX }, signal);
}
