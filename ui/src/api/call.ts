import { type Problem, parseProblem } from './problem';

/** The server has answered with a problem instead of what was asked for. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** Reads JSON. It throws {@link Refused} when the server answers with a problem, and whatever fetch throws without an answer. */
export async function get<T>(path: string, signal: AbortSignal): Promise<T> {
  return answerOf<T>(await fetch(path, { headers: { Accept: 'application/json' }, signal }));
}

/** Sends JSON and reads the answer, with the errors of {@link get}. */
export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
  return answerOf<T>(response);
}

/** The body of an answer; {@link Refused} when it is a problem. */
async function answerOf<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as T;
  throw new Refused(problemOf(response, text));
}

/** A proxy in between may answer with something that is no problem document. */
function problemOf(response: Response, text: string): Problem {
  try {
    return parseProblem(text);
  } catch {
    return { code: String(response.status), detail: response.statusText || text.slice(0, 200) };
  }
}
