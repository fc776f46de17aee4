// From the state in the URL to the request for the server, or to what is wrong with each field.

import type { SearchRequest } from '../api/queries';
import { parseDuration } from '../lib/duration';
import { formatTag, parseTags } from '../lib/logfmt';
import { resolveRange, type Range } from '../lib/range';
import type { Nanos, Zone } from '../lib/zone';
import { LIMIT_DEFAULT, type ExploreSearch } from '../shell/search';

/** Fields that a person types into and can get wrong. */
export type FieldErrors = Partial<Record<'tags' | 'min' | 'max' | 'range', string>>;

/** The request without its range, and the range as it is at this moment. */
export interface Prepared {
  request: SearchRequest;
  range: Range;
}

/** Checks `search` and turns it into a request. */
export function prepare(
  search: ExploreSearch,
  now: Nanos,
  zone: Zone,
): { ok: true; value: Prepared } | { ok: false; errors: FieldErrors } {
  const errors: FieldErrors = {};
  const request: SearchRequest = { limit: String(search.limit ?? LIMIT_DEFAULT) };
  if (search.service) request.service = search.service;
  if (search.operation) request.operation = search.operation;
  if (search.cursor) request.cursor = search.cursor;
  if (search.tags) {
    const tags = parseTags(search.tags);
    if (!tags.ok) errors.tags = tags.message;
    else if (tags.tags.length > 0) request.tags = JSON.stringify(Object.fromEntries(tags.tags));
  }
  for (const [field, name] of [
    ['min', 'min_duration_ns'],
    ['max', 'max_duration_ns'],
  ] as const) {
    const text = search[field];
    if (!text) continue;
    const duration = parseDuration(text);
    if (duration.ok) request[name] = duration.ns.toString();
    else errors[field] = duration.message;
  }
  if (!errors.min && !errors.max && request.min_duration_ns && request.max_duration_ns) {
    const { min_duration_ns: min, max_duration_ns: max } = request;
    if (BigInt(min) > BigInt(max)) errors.max = 'The longest duration is below the shortest';
  }
  const range = resolveRange(search, now, zone);
  if (!range.ok) errors.range = range.message;
  if (range.ok && Object.keys(errors).length === 0) {
    return { ok: true, value: { request, range: range.range } };
  }
  return { ok: false, errors };
}

/** One condition of a search, as the page shows it, and the search without it. */
export interface Clause {
  key: string;
  operator: string;
  value: string;
  without: ExploreSearch;
}

function omit<K extends keyof ExploreSearch>(search: ExploreSearch, ...names: K[]): ExploreSearch {
  const rest = { ...search };
  for (const name of names) delete rest[name];
  return rest;
}

/** The conditions of a search, one by one. */
export function clausesOf(search: ExploreSearch): Clause[] {
  const first = omit(search, 'cursor');
  const clauses: Clause[] = [];
  const { service, operation, tags, min, max, from, to } = first;
  if (service)
    clauses.push({
      key: 'service',
      operator: '=',
      value: service,
      without: omit(first, 'service'),
    });
  if (operation)
    clauses.push({
      key: 'name',
      operator: '=',
      value: operation,
      without: omit(first, 'operation'),
    });
  const parsed = parseTags(tags ?? '');
  for (const [at, [key, value]] of parsed.ok ? parsed.tags.entries() : []) {
    const others = parsed.ok
      ? parsed.tags
          .filter((_, i) => i !== at)
          .map(formatTag)
          .join(' ')
      : '';
    const without = omit(first, 'tags');
    clauses.push({
      key,
      operator: '=',
      value,
      without: others ? { ...without, tags: others } : without,
    });
  }
  if (min)
    clauses.push({ key: 'duration', operator: '≥', value: min, without: omit(first, 'min') });
  if (max)
    clauses.push({ key: 'duration', operator: '≤', value: max, without: omit(first, 'max') });
  if (from || to) {
    const value = from && to ? `${from} … ${to}` : (from ?? `… ${to}`);
    clauses.push({ key: 'time', operator: '=', value, without: omit(first, 'from', 'to') });
  }
  return clauses;
}
