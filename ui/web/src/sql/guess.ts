// Which chart fits a result, told from the types of its columns:
//
//   a time and numbers          lines over time; a column of text beside them splits the first number into series
//   a text and a number         bars, in the order of the rows
//   two numbers                 dots
//   one number                  how often its values occur

import { numberOf, valueAt, type Column, type ResultSet } from './cells';

/** Rows that are drawn. */
export const ROWS_MAX = 5000;
/** Bars that are drawn. */
export const BARS_MAX = 40;
/** Lines that are drawn. */
export const LINES_MAX = 8;
/** Steps of a histogram. */
const STEPS = 40;

/** A set of points: a line, or all dots. */
export interface Line {
  name: string;
  points: { x: number; y: number | undefined }[];
}

/** What to draw. */
export type Guess =
  | { kind: 'lines'; x: Column; y: Column[]; lines: Line[]; hidden: number }
  | {
      kind: 'bars';
      label: Column;
      y: Column;
      bars: { name: string; value: number }[];
      hidden: number;
    }
  | { kind: 'dots'; x: Column; y: Column; points: Line['points'] }
  | { kind: 'histogram'; x: Column; from: number; to: number; step: number; counts: number[] };

const isNumber = ({ kind }: Column): boolean => kind === 'number' || kind === 'duration';

/** The chart for `result`, if there is one. */
export function guessChart(result: ResultSet): Guess | undefined {
  if (result.rowCount === 0) return undefined;
  const { columns } = result;
  const numbers = columns.filter(isNumber);
  const time = columns.find(({ kind }) => kind === 'time');
  const words = columns.find(({ kind }) => kind === 'text' || kind === 'flag');
  const [first, second] = numbers;
  if (!first) return undefined;
  if (time) return lines(result, time, numbers, words);
  if (words) return bars(result, words, first);
  return second ? dots(result, first, second) : histogram(result, first);
}

function rows({ rowCount }: ResultSet): number {
  return Math.min(rowCount, ROWS_MAX);
}

function lines(
  result: ResultSet,
  x: Column,
  numbers: readonly Column[],
  words: Column | undefined,
): Guess {
  const y = words ? numbers.slice(0, 1) : numbers.slice(0, LINES_MAX);
  const found = new Map<string, Line>();
  for (let row = 0; row < rows(result); row++) {
    const at = numberOf(valueAt(result, x, row));
    if (at === undefined) continue;
    for (const column of y) {
      const name = words ? String(valueAt(result, words, row)) : column.name;
      const line = found.get(name) ?? { name, points: [] };
      found.set(name, line);
      line.points.push({ x: at, y: numberOf(valueAt(result, column, row)) });
    }
  }
  for (const { points } of found.values()) points.sort((a, b) => a.x - b.x);
  const all = [...found.values()];
  if (words) all.sort((a, b) => b.points.length - a.points.length);
  const hidden = words ? Math.max(0, all.length - LINES_MAX) : numbers.length - y.length;
  return { kind: 'lines', x, y, lines: all.slice(0, LINES_MAX), hidden };
}

function bars(result: ResultSet, label: Column, y: Column): Guess {
  const shown = Math.min(result.rowCount, BARS_MAX);
  const found: { name: string; value: number }[] = [];
  for (let row = 0; row < shown; row++) {
    const value = numberOf(valueAt(result, y, row));
    if (value !== undefined) found.push({ name: String(valueAt(result, label, row)), value });
  }
  return { kind: 'bars', label, y, bars: found, hidden: result.rowCount - shown };
}

function dots(result: ResultSet, x: Column, y: Column): Guess {
  const points: Line['points'] = [];
  for (let row = 0; row < rows(result); row++) {
    const at = numberOf(valueAt(result, x, row));
    if (at !== undefined) points.push({ x: at, y: numberOf(valueAt(result, y, row)) });
  }
  return { kind: 'dots', x, y, points };
}

function histogram(result: ResultSet, x: Column): Guess | undefined {
  const values: number[] = [];
  for (let row = 0; row < rows(result); row++) {
    const value = numberOf(valueAt(result, x, row));
    if (value !== undefined) values.push(value);
  }
  if (values.length < 2) return undefined;
  const from = values.reduce((least, value) => Math.min(least, value), Infinity);
  const to = values.reduce((most, value) => Math.max(most, value), -Infinity);
  const step = (to - from || 1) / STEPS;
  const counts = Array.from({ length: STEPS }, () => 0);
  for (const value of values) {
    const place = Math.min(STEPS - 1, Math.floor((value - from) / step));
    counts[place] = (counts[place] as number) + 1;
  }
  return { kind: 'histogram', x, from, to: from + step * STEPS, step, counts };
}
