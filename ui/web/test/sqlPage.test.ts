// Parts of the SQL page that need no browser.

import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';

import { sqlArrow, type MockResult } from '../mock/sql';
import { sqlInstant, sqlNumber, sqlText, sqlTime } from '../src/api/sql';
import { bucketSeconds, logTicks, niceTicks, shortNumber, timeTicks } from '../src/chart/scale';
import { resultOf } from '../src/sql/cells';
import { BARS_MAX, guessChart, LINES_MAX } from '../src/sql/guess';
import { KEPT_MAX, withEntry } from '../src/sql/history';
import { lineColumn, markAt, offsetOfByte } from '../src/sql/position';
import { schemaTables, shortType } from '../src/sql/schema';
import { columnWidth } from '../src/sql/widths';

describe('the place of an error', () => {
  it('is counted in bytes by the server and in UTF-16 units by the editor', () => {
    // ö is two bytes and one unit, 😀 four bytes and two units.
    const text = "SELECT 'ö😀', foo";
    const bytes = new TextEncoder().encode(text.slice(0, text.indexOf('foo'))).length;
    expect(offsetOfByte(text, bytes)).toBe(text.indexOf('foo'));
    expect(offsetOfByte(text, 0)).toBe(0);
    expect(offsetOfByte(text, 9999)).toBe(text.length);
  });

  it('is underlined as a whole word, a whole text, one sign, or the last character', () => {
    const text = "SELECT foo_1, 'a b' FROM t";
    expect(markAt(text, 7)).toEqual({ from: 7, to: 12 });
    expect(markAt(text, 14)).toEqual({ from: 14, to: 19 });
    expect(markAt(text, 12)).toEqual({ from: 12, to: 13 });
    expect(markAt('SELECT (  ', 10)).toEqual({ from: 7, to: 8 });
    expect(markAt('   ', 1)).toBeUndefined();
  });

  it('has a line and a column', () => {
    expect(lineColumn('a\nbc\nd', 3)).toEqual({ line: 2, column: 2 });
    expect(lineColumn('a\nbc\nd', 0)).toEqual({ line: 1, column: 1 });
  });
});

describe('literals', () => {
  it('cannot be left by a quote', () => {
    expect(sqlText("o'brien'; --")).toBe("'o''brien''; --'");
    expect(sqlInstant(-5n)).toBe('to_timestamp_nanos(-5)');
  });

  it('of answers are read back', () => {
    expect(sqlNumber('9007199254740993')).toBe(9007199254740992);
    expect(sqlNumber(null)).toBeUndefined();
    expect(sqlTime('2023-11-14T22:13:20.123456789Z')).toBe(1_700_000_000_123_456_789n);
    expect(sqlTime('2023-11-14T22:13:20.5Z')).toBe(1_700_000_000_500_000_000n);
    expect(sqlTime('yesterday')).toBeUndefined();
  });
});

describe('the history', () => {
  it('has a statement once, newest first, and does not grow for ever', () => {
    const first = withEntry([], ' SELECT 1 ', 1);
    expect(first).toEqual([{ text: 'SELECT 1', at: 1 }]);
    const second = withEntry(first, 'SELECT 2', 2);
    expect(withEntry(second, 'SELECT 1', 3).map(({ text }) => text)).toEqual([
      'SELECT 1',
      'SELECT 2',
    ]);
    let many = second;
    for (let i = 0; i <= KEPT_MAX; i++) many = withEntry(many, `SELECT ${i} AS n`, i);
    expect(many).toHaveLength(KEPT_MAX);
    expect(withEntry(second, '  ', 9)).toEqual(second);
  });
});

describe('the schema', () => {
  it('groups columns by table, the tables people ask for first', () => {
    const tables = schemaTables([
      ['zoo', 'x', 'Int64'],
      ['traces', 'trace_id', 'FixedSizeBinary(16)'],
      ['spans', 'name', 'Utf8View'],
      ['spans', 'start_time', 'Timestamp(ns, "UTC")'],
    ]);
    expect(tables.map(({ name }) => name)).toEqual(['spans', 'traces', 'zoo']);
    expect(tables[0]?.columns).toEqual([
      { name: 'name', type: 'text' },
      { name: 'start_time', type: 'timestamp' },
    ]);
    expect(shortType('Map("key_value": Struct(...))')).toBe('map');
  });
});

const result = (columns: MockResult['columns'], rows: MockResult['rows']) =>
  resultOf(tableFromIPC(sqlArrow({ columns, rows })));

describe('the chart', () => {
  it('draws a time and a number as lines, one for each text', () => {
    const guess = guessChart(
      result(
        [
          { name: 'minute', type: 'timestamp(9)' },
          { name: 'service', type: 'text' },
          { name: 'n', type: 'int64' },
        ],
        [
          [120_000_000_000n, 'a', 2n],
          [60_000_000_000n, 'a', 1n],
          [60_000_000_000n, 'b', 5n],
        ],
      ),
    );
    expect(guess).toMatchObject({ kind: 'lines', hidden: 0 });
    expect(guess?.kind === 'lines' && guess.lines).toEqual([
      {
        name: 'a',
        points: [
          { x: 60_000, y: 1 },
          { x: 120_000, y: 2 },
        ],
      },
      { name: 'b', points: [{ x: 60_000, y: 5 }] },
    ]);
  });

  it('says how many lines it leaves out', () => {
    const rows = Array.from({ length: LINES_MAX + 3 }, (_, i) => [0n, `s${i}`, 1n]);
    const columns: MockResult['columns'] = [
      { name: 't', type: 'timestamp(9)' },
      { name: 's', type: 'text' },
      { name: 'n', type: 'int64' },
    ];
    expect(guessChart(result(columns, rows))).toMatchObject({ kind: 'lines', hidden: 3 });
  });

  it('draws a text and a number as bars, two numbers as dots, one as a histogram, none as nothing', () => {
    const text: MockResult['columns'][number] = { name: 's', type: 'text' };
    const number: MockResult['columns'][number] = { name: 'n', type: 'int64' };
    const bars = Array.from({ length: BARS_MAX + 2 }, (_, i) => [`s${i}`, BigInt(i)]);
    expect(guessChart(result([text, number], bars))).toMatchObject({ kind: 'bars', hidden: 2 });
    expect(guessChart(result([number, { ...number, name: 'm' }], [[1n, 2n]]))).toMatchObject({
      kind: 'dots',
      points: [{ x: 1, y: 2 }],
    });
    const one = guessChart(result([number], [[0n], [10n], [10n]]));
    expect(one?.kind === 'histogram' && [one.counts[0], one.counts.at(-1)]).toEqual([1, 2]);
    expect(guessChart(result([text], [['a']]))).toBeUndefined();
    expect(guessChart(result([number], []))).toBeUndefined();
  });
});

describe('axes', () => {
  it('have round steps that cover the values', () => {
    expect(niceTicks(0, 97, 4)).toEqual([0, 25, 50, 75, 100]);
    expect(niceTicks(0, 0.3, 3)).toEqual([0, 0.1, 0.2, 0.3]);
    expect(niceTicks(5, 5, 4)).toEqual([5]);
    expect(logTicks(3, 2500)).toEqual([1, 10, 100, 1000, 10_000]);
  });

  it('of time are round in the zone that is shown', () => {
    const from = Date.UTC(2023, 0, 29, 8, 42);
    const ticks = timeTicks(from, from + 90 * 60_000, 4, 'utc');
    expect(ticks.map(({ label }) => label)).toEqual(['09:00', '09:30', '10:00']);
    // Nepal is 5 h 45 min ahead.
    const nepal = timeTicks(from, from + 90 * 60_000, 4, 'Asia/Kathmandu');
    expect(nepal.map(({ label }) => label)).toEqual(['14:30', '15:00', '15:30']);
  });

  it('have buckets of whole seconds', () => {
    expect(bucketSeconds(3_600_000, 120)).toBe(30);
    expect(bucketSeconds(500, 120)).toBe(1);
  });

  it('have short labels', () => {
    expect([0, 7.25, 42, 1234, 1_000_000, 0.5].map(shortNumber)).toEqual([
      '0',
      '7.25',
      '42',
      '1.23 k',
      '1 M',
      '0.5',
    ]);
  });
});

describe('columns', () => {
  it('are as wide as their content, within bounds', () => {
    expect(columnWidth('n', ['1'], false)).toBe(64);
    expect(columnWidth('text', ['x'.repeat(1000)], true)).toBe(420);
  });
});
