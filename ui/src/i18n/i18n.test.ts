import { expect, test } from 'vitest';
import en from './en';
import zh from './zh';

function entries(texts: object, prefix = ''): [string, string][] {
  return Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [[prefix + key, value] as [string, string]]
      : entries(value, `${prefix}${key}.`),
  );
}

test('every text exists in both languages, with the same placeholders', () => {
  const placeholders = (texts: object) =>
    Object.fromEntries(entries(texts).map(([key, text]) => [key, (text.match(/{{\w+}}/g) ?? []).sort()]));
  expect(placeholders(zh)).toEqual(placeholders(en));
});

test('no text is empty', () => {
  for (const [key, text] of [...entries(en), ...entries(zh)]) expect(text, key).not.toBe('');
});
