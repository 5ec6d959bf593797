import { describe, expect, test } from 'vitest';
import { makeFormat } from './format';

const en = makeFormat('en-US', 'UTC');
const zh = makeFormat('zh-CN', 'UTC');

describe('counts', () => {
  test('keep every digit of a BIGINT above 2^53', () => {
    expect(en.count('9007199254740993')).toBe('9,007,199,254,740,993');
  });
  test('are shortened in the words of the language', () => {
    expect(en.compact(45_300)).toBe('45.3K');
    expect(zh.compact(45_300)).toBe('4.5万');
  });
  test('of a second have a decimal only while it says something', () => {
    expect([0, 0.42, 8.31, 43.3, 999.6, 1234].map(en.rate)).toEqual([
      '0',
      '0.4',
      '8.3',
      '43',
      '1,000',
      '1.2K',
    ]);
  });
  test('in a headline stay whole while they fit', () => {
    expect(en.headline('999999999')).toBe('999,999,999');
    expect(en.headline('1234567890')).toBe('1.235B');
    expect(zh.headline('1234567890')).toBe('12.346亿');
  });
});

describe('ratios', () => {
  test('have two decimals', () => {
    expect(en.percent(0.01234)).toBe('1.23%');
  });
  test('of change carry their sign, with a real minus', () => {
    expect(en.change(0.042)).toBe('+4.2%');
    expect(en.change(-0.042)).toBe('−4.2%');
    expect(en.change(0)).toBe('0.0%');
  });
});

describe('money', () => {
  test('is exact and uses the short symbol in both languages', () => {
    expect(en.money('12345678901234.56', 'CNY')).toBe('¥12,345,678,901,234.56');
    expect(zh.money('12.5', 'USD')).toBe('$12.50');
  });
  test('in a headline has no cents', () => {
    expect(en.moneyHeadline('1234.56', 'USD')).toBe('$1,235');
  });
});

describe('times', () => {
  const moment = Date.parse('2026-03-01T00:03:09Z');
  test('use the 24-hour clock, and midnight is 00', () => {
    expect(en.time(moment)).toBe('00:03:09');
    expect(zh.time(moment)).toBe('00:03:09');
    expect(en.minute(moment)).toBe('00:03');
  });
  test('have their date, and their year, where it is another one than now', () => {
    expect(en.moment(moment, moment + 3_600_000)).toBe('00:03:09');
    expect(en.moment(moment, moment + 86_400_000)).toBe('Mar 1 00:03:09');
    expect(en.moment(moment, moment + 366 * 86_400_000)).toBe('Mar 1, 2026 00:03:09');
    expect(zh.moment(moment, moment + 86_400_000)).toBe('3月1日 00:03:09');
  });
  test.each([
    [-500, '0s', '0秒'],
    [12_400, '12s', '12秒'],
    [59_600, '1m', '1分钟'],
    [61_000, '1m 1s', '1分钟 1秒'],
    [3_599_000, '59m 59s', '59分钟 59秒'],
    [7_200_000, '2h', '2小时'],
    [7_260_000, '2h 1m', '2小时 1分钟'],
    [86_400_000, '1d', '1天'],
    [100 * 86_400_000 + 7_260_000, '100d 2h', '100天 2小时'],
  ])('a duration of %i ms', (ms, english, chinese) => {
    expect(en.duration(ms)).toBe(english);
    expect(zh.duration(ms)).toBe(chinese);
  });
  test('a latency changes its unit at one second', () => {
    expect(en.latency(420)).toBe('420 ms');
    expect(en.latency(1_240)).toBe('1.2 s');
    expect(zh.latency(1_240)).toBe('1.2 秒');
  });
});

describe('sizes and parts', () => {
  test('are in powers of 1,024, with a decimal below ten', () => {
    expect([0, 1023, 1536, 27_776, 5 * 2 ** 40].map(en.bytes)).toEqual([
      '0 B',
      '1,023 B',
      '1.5 KB',
      '27 KB',
      '5 TB',
    ]);
  });
  test('of what was taken are as exact as one reads them', () => {
    expect([0.0421, 1.25, 12.4, 185].map(en.taken)).toEqual(['42 ms', '1.3 s', '12s', '3m 5s']);
  });
  test('of the time have no decimals, processors two', () => {
    expect([en.part(0.425), en.decimal(0.4249)]).toEqual(['43%', '0.42']);
  });
});
