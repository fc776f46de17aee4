// The time axis of the heatmap, zoomed and moved: arithmetic on ranges, and the range that was zoomed into, so that the way
// back to it stands in the URL.

import { changed, type ExploreSearch } from '../shell/search';

/** A stretch of time, ns since the epoch. */
export interface Span {
  start: bigint;
  end: bigint;
}

/** Shortest range that can be zoomed to. */
export const SHORTEST_NS = 1_000_000n;

/** One step of a key or a button: in by this factor, out by its inverse; along by this share of the range. */
export const ZOOM_STEP = 0.6;
export const PAN_STEP = 0.25;

const length = ({ start, end }: Span): bigint => end - start;

/** `range` within `limits`, as long as it fits. */
function clamped(range: Span, limits: Span): Span {
  if (length(range) >= length(limits)) return limits;
  if (range.start < limits.start) return { start: limits.start, end: limits.start + length(range) };
  if (range.end > limits.end) return { start: limits.end - length(range), end: limits.end };
  return range;
}

/** `range` made `factor` as long; what lies at the share `at` of it stays where it is. */
export function zoomed(range: Span, factor: number, at: number, limits: Span): Span {
  const before = Number(length(range));
  const after = Math.max(Number(SHORTEST_NS), before * factor);
  // What is short enough already is not made longer by zooming in.
  if (factor < 1 && after >= before) return range;
  const start = range.start + BigInt(Math.round((before - after) * at));
  return clamped({ start, end: start + BigInt(Math.round(after)) }, limits);
}

/** `range` moved by a share of its length. */
export function panned(range: Span, share: number, limits: Span): Span {
  const by = BigInt(Math.round(Number(length(range)) * share));
  return clamped({ start: range.start + by, end: range.end + by }, limits);
}

/** The range that was zoomed into: its ends as written, and where data lay at an end that is open. */
interface Around {
  from?: string | undefined;
  to?: string | undefined;
  first?: bigint | undefined;
  last?: bigint | undefined;
}

function readAround(text: string | undefined): Around | undefined {
  const parts = text?.split('~') ?? [];
  if (parts.length !== 4) return undefined;
  const [from, to, first, last] = parts as [string, string, string, string];
  const number = (digits: string): bigint | undefined =>
    /^\d{1,19}$/.test(digits) ? BigInt(digits) : undefined;
  return { from: from || undefined, to: to || undefined, first: number(first), last: number(last) };
}

/** How the range that `search` has now is remembered; `axis` is where its data lies. */
function writeAround({ from, to }: ExploreSearch, axis: Span): string {
  return [from ?? '', to ?? '', from ? '' : axis.start, to ? '' : axis.end].join('~');
}

/** How far the axis can be moved: to the data where an end is open, else from the epoch until now. */
export function limitsOf(search: ExploreSearch, axis: Span, now: bigint): Span {
  const around = readAround(search.around);
  const { from, to, first, last } = around ?? { ...search, first: axis.start, last: axis.end };
  const latest = now > axis.end ? now : axis.end;
  return { start: from ? 0n : (first ?? 0n), end: to ? latest : (last ?? latest) };
}

/** True when the range was zoomed into. */
export const isZoomed = (search: ExploreSearch): boolean => readAround(search.around) !== undefined;

/** `search` with the axis at `next`; what covers everything there is has the range from before zooming. */
export function withAxis(
  search: ExploreSearch,
  next: Span,
  axis: Span,
  limits: Span,
): ExploreSearch {
  if (next.start <= limits.start && next.end >= limits.end) return unzoomed(search);
  return changed(search, {
    from: String(next.start),
    to: String(next.end),
    around: aroundOf(search, axis),
    cursor: undefined,
  });
}

/** What is to be remembered of the range of `search` when it is zoomed into, at `axis`. */
export function aroundOf(search: ExploreSearch, axis: Span): string {
  return isZoomed(search) ? (search.around as string) : writeAround(search, axis);
}

/** `search` with the range from before zooming. */
export function unzoomed(search: ExploreSearch): ExploreSearch {
  const around = readAround(search.around);
  if (!around) return search;
  const { from, to } = around;
  return changed(search, { from, to, around: undefined, cursor: undefined });
}

/** `next` without the range that `search` was zoomed into, when it has another range than that. */
export function settled(search: ExploreSearch, next: ExploreSearch): ExploreSearch {
  const isSame = next.from === search.from && next.to === search.to;
  return isSame || next.around !== search.around ? next : changed(next, { around: undefined });
}
