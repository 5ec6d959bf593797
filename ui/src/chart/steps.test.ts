import { describe, expect, test } from 'vitest';
import { minuteAt, splitSteps } from './steps';

describe('splitting at the tidemark', () => {
  test('repeats the last value of each part where its last minute ends', () => {
    expect(splitSteps([0, 60, 120], [5, 6, 7], 2, 60)).toEqual({
      times: [0, 60, 120, 180],
      settled: [5, 6, 6, null],
      unsettled: [null, null, 7, 7],
    });
  });
  test('leaves an empty part empty', () => {
    expect(splitSteps([0, 60], [5, 6], 0, 60).settled).toEqual([null, null, null]);
    expect(splitSteps([0, 60], [5, 6], 2, 60)).toMatchObject({
      settled: [5, 6, 6],
      unsettled: [null, null, null],
    });
  });
  test('keeps holes', () => {
    expect(splitSteps([0, 60, 120], [5, null, 7], 3, 60).settled).toEqual([5, null, 7, 7]);
  });
  test('of nothing is nothing', () => {
    expect(splitSteps([], [], 0, 60)).toEqual({ times: [], settled: [], unsettled: [] });
  });
});

test.each([
  [-1, 0],
  [0, 0],
  [59, 0],
  [60, 1],
  [1_000, 2],
])('time %i is in minute %i', (time, index) => {
  expect(minuteAt([0, 60, 120], time)).toBe(index);
});

test('there is no minute in an empty series', () => {
  expect(minuteAt([], 5)).toBe(-1);
});
