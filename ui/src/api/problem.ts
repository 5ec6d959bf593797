/** What the API answers when something is wrong: an RFC 9457 problem document with the fields of Tidemark. */
export interface Problem {
  /** Which problem it is; programs may compare it. */
  code: string;
  /** One sentence. */
  detail: string;
  /** What to do about it. */
  hint?: string;
  /** Where in the sent SQL text, both counted from 1. */
  position?: { line: number; column: number };
}

/** Reads a problem document; throws an Error when it is none. */
export function parseProblem(text: string): Problem {
  const root: unknown = JSON.parse(text);
  const { code, detail, hint, position } = (root ?? {}) as Record<string, unknown>;
  if (typeof code !== 'string' || typeof detail !== 'string') throw new Error('not a problem document');
  const problem: Problem = { code, detail };
  if (typeof hint === 'string') problem.hint = hint;
  const { line, column } = (position ?? {}) as Record<string, unknown>;
  if (typeof line === 'number' && typeof column === 'number') problem.position = { line, column };
  return problem;
}
