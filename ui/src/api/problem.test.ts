import { expect, test } from 'vitest';
import { parseProblem } from './problem';

test('a problem document is read with its hint and position', () => {
  const document = {
    type: 'about:blank',
    status: 400,
    code: 'syntax',
    detail: 'expected a column',
    hint: 'Name one, or *',
    position: { line: 1, column: 8 },
  };
  expect(parseProblem(JSON.stringify(document))).toEqual({
    code: 'syntax',
    detail: 'expected a column',
    hint: 'Name one, or *',
    position: { line: 1, column: 8 },
  });
});

test('hint and position may be missing', () => {
  expect(parseProblem('{"code":"syntax","detail":"wrong"}')).toEqual({ code: 'syntax', detail: 'wrong' });
});

test.each(['null', '[]', '{"code":"syntax"}', 'gateway timeout'])('%s is no problem document', text => {
  expect(() => parseProblem(text)).toThrow();
});
