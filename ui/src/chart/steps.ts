/** A column of a stepped chart: a value for each minute, null where nothing is drawn. */
export type Column = (number | null)[];

export interface Steps {
  /** Start of each minute and, last, the end of the newest one; epoch seconds. */
  times: number[];
  settled: Column;
  unsettled: Column;
}

/**
 * Splits a series at the tidemark into two columns that can be drawn in two styles. A step reaches until the next
 * time that has a value, so each column repeats its last value once, where its last minute ends.
 */
export function splitSteps(
  starts: readonly number[],
  values: Column,
  settledMinutes: number,
  stepSeconds: number,
): Steps {
  const last = starts.at(-1);
  if (last === undefined) return { times: [], settled: [], unsettled: [] };
  const size = starts.length + 1;
  const settled: Column = new Array(size).fill(null);
  const unsettled: Column = new Array(size).fill(null);
  values.forEach((value, index) => {
    (index < settledMinutes ? settled : unsettled)[index] = value;
  });
  if (settledMinutes > 0) settled[settledMinutes] = settled[settledMinutes - 1] ?? null;
  if (settledMinutes < starts.length) unsettled[size - 1] = unsettled[size - 2] ?? null;
  return { times: [...starts, last + stepSeconds], settled, unsettled };
}

/** Index of the minute that contains `time`, clamped to the series; -1 when there is none. */
export function minuteAt(starts: readonly number[], time: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= time) low = middle + 1;
    else high = middle;
  }
  return starts.length === 0 ? -1 : Math.max(0, low - 1);
}
