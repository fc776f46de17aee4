// From the state in the URL to the questions for the server, or to what is wrong with it.

import type { SearchRequest, Selection } from '../api/queries';
import { tryRead } from '../language/check';
import type { QueryError } from '../language/tree';
import { resolveRange, type Range } from '../lib/range';
import type { Nanos, Zone } from '../lib/zone';
import { LIMIT_DEFAULT, type ExploreSearch } from '../shell/search';
import { boxOf, type Box } from './box';

/** What a person wrote and got wrong. */
export interface Problems {
  q?: QueryError;
  range?: string;
}

/** The questions of a search. */
export interface Prepared {
  /** What is looked at as a whole. */
  selection: Selection;
  /** Ends of the time axis. */
  axis: { axis_start?: string; axis_end?: string };
  /** The page of results, inside of the box if there is one. */
  page: SearchRequest;
}

/** Checks `search`, at the moment `now`, and turns it into questions. */
export function prepare(
  search: ExploreSearch,
  now: Nanos,
  zone: Zone,
): { ok: true; value: Prepared } | { ok: false; problems: Problems } {
  const problems: Problems = {};
  const q = search.q?.trim() ?? '';
  const read = tryRead(q);
  if ('error' in read) problems.q = read.error;
  const resolved = resolveRange(search, now, zone);
  if (!resolved.ok) problems.range = resolved.message;
  if (!resolved.ok || 'error' in read) return { ok: false, problems };
  const { range } = resolved;
  const selection: Selection = { ...(q && { q }), ...ends(range) };
  const box = boxOf(search.sel);
  const order = search.sort ?? 'newest';
  const page: SearchRequest = {
    ...(box ? narrowed(selection, box, search.unit === 'spans') : selection),
    ...(order !== 'newest' && { order }),
    limit: String(search.limit ?? LIMIT_DEFAULT),
    ...(search.cursor && { cursor: search.cursor }),
    // The heatmap counts all; the page need not wait for that.
    ...(!box && { total: 'bound' }),
  };
  const axis =
    range.start === undefined
      ? {}
      : { axis_start: String(range.start), axis_end: String(range.end ?? now) };
  return { ok: true, value: { selection, axis, page } };
}

function ends({ start, end }: Range): Pick<Selection, 'start' | 'end'> {
  return {
    ...(start !== undefined && { start: String(start) }),
    ...(end !== undefined && { end: String(end) }),
  };
}

/** `selection` inside of a box on the heatmap of spans, or of traces. */
function narrowed(selection: Selection, box: Box, ofSpans: boolean): Selection {
  const key = ofSpans ? 'duration' : 'trace.duration';
  const parts = [
    selection.q && `(${selection.q})`,
    box.min !== undefined && `${key}>=${box.min}ns`,
    box.max !== undefined && `${key}<${box.max}ns`,
  ];
  const q = parts.filter(Boolean).join(' ');
  const { from, to } = box;
  const [start, end] = ofSpans
    ? (['start', 'end'] as const)
    : (['trace_start', 'trace_end'] as const);
  return {
    ...selection,
    ...(q && { q }),
    ...(from !== undefined && { [start]: String(from) }),
    ...(to !== undefined && { [end]: String(to) }),
  };
}
