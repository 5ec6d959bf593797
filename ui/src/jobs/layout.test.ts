import { expect, test } from 'vitest';
import type { Operator } from '../api/jobs';
import { draw } from './layout';

const operator = (id: number, ...inputs: number[]) => ({ id, inputs }) as Operator;

const shown = (...operators: Operator[]) => {
  const { places, lines, columns, lanes } = draw(operators);
  return {
    places: Object.fromEntries(places.map(place => [place.operator.id, `${place.column}/${place.lane}`])),
    lines: lines.map(line => `${line.from.operator.id}→${line.to.operator.id}`),
    size: `${columns}×${lanes}`,
  };
};

test('a chain goes from left to right', () => {
  expect(shown(operator(0, 1), operator(1, 2), operator(2))).toEqual({
    places: { 0: '2/0', 1: '1/0', 2: '0/0' },
    lines: ['1→0', '2→1'],
    size: '3×1',
  });
});

test('two inputs stand below each other, each before what it feeds', () => {
  expect(shown(operator(0, 1), operator(1, 2, 3), operator(2), operator(3, 4), operator(4))).toEqual({
    places: { 0: '3/0', 1: '2/0', 2: '1/0', 3: '1/1', 4: '0/0' },
    lines: ['1→0', '2→1', '3→1', '4→3'],
    size: '4×2',
  });
});

test('what is read twice is there once, before the first of its readers', () => {
  expect(shown(operator(0, 1), operator(1, 2, 3), operator(2, 3), operator(3)).places).toEqual({
    0: '3/0',
    1: '2/0',
    2: '1/0',
    3: '0/0',
  });
});

test('a graph that goes round in circles, or names what is not there, ends', () => {
  expect(draw([operator(0, 1), operator(1, 0), operator(2, 9)]).places).toHaveLength(3);
  expect(draw([]).places).toEqual([]);
});
