// The box on the heatmap, as it stands in the URL, and as a part of the query.

import { formatDuration } from '../lib/duration';
import { withClause } from '../language/edit';
import { changed, type ExploreSearch } from '../shell/search';
import { aroundOf, type Span } from './zoom';

/** Times in ns since the epoch and durations in ns, each from (inclusive) to (exclusive); an open end is absent. */
export interface Box {
  from?: bigint;
  to?: bigint;
  min?: bigint;
  max?: bigint;
}

const ENDS = ['from', 'to', 'min', 'max'] as const;

/** Reads a box; undefined when there is none, or what is there is none. */
export function boxOf(sel: string | undefined): Box | undefined {
  const texts = sel?.split(',') ?? [];
  if (texts.length !== 4 || texts.every((text) => text === '')) return undefined;
  if (!texts.every((text) => /^\d{0,19}$/.test(text))) return undefined;
  const box: Box = {};
  for (const [i, end] of ENDS.entries()) if (texts[i]) box[end] = BigInt(texts[i]);
  return box;
}

/** Writes a box. */
export function selOf(box: Box): string {
  return ENDS.map((end) => box[end]?.toString() ?? '').join(',');
}

const UNITS = [
  ['s', 1_000_000_000n],
  ['ms', 1_000_000n],
  ['us', 1_000n],
] as const;

/** A duration as a query has it: exact, in the largest unit that needs at most three decimals. */
export function durationTerm(ns: bigint): string {
  for (const [unit, size] of UNITS) {
    if (ns < size || (ns * 1000n) % size !== 0n) continue;
    const rest = (ns % size)
      .toString()
      .padStart(size.toString().length - 1, '0')
      .replace(/0+$/, '');
    return `${ns / size}${rest && `.${rest}`}${unit}`;
  }
  return `${ns}ns`;
}

/** The search whose whole range and query are those of the box; `axis` is that of the heatmap. */
export function zoomedTo(search: ExploreSearch, box: Box, axis: Span): ExploreSearch {
  const key = search.unit === 'spans' ? 'duration' : 'trace.duration';
  let q = search.q ?? '';
  if (box.min !== undefined) q = withClause(q, `${key}>=${durationTerm(box.min)}`);
  if (box.max !== undefined) q = withClause(q, `${key}<${durationTerm(box.max)}`);
  return changed(search, {
    q: q || undefined,
    from: box.from?.toString() ?? search.from,
    to: box.to?.toString() ?? search.to,
    ...((box.from ?? box.to) !== undefined && { around: aroundOf(search, axis) }),
    sel: undefined,
    cursor: undefined,
  });
}

/** The durations of a box in words. */
export function durationsOf({ min, max }: Box): string {
  if (min === undefined) return max === undefined ? 'any duration' : `below ${formatDuration(max)}`;
  return max === undefined
    ? `${formatDuration(min)} and longer`
    : `${formatDuration(min)} to ${formatDuration(max)}`;
}
