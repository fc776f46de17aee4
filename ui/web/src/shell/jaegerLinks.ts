// Links of Jaeger's UI, translated: bookmarks, runbooks and Grafana panels keep working.

import { formatTags, type Tag } from '../lib/logfmt';
import type { CompareSearch, ExploreSearch, TraceSearch } from './search';
import { LIMIT_MAX } from './search';

/** The query of Jaeger's `/search` as the query of `/explore`. */
export function fromJaegerSearch(query: string): ExploreSearch {
  const params = new URLSearchParams(query);
  const get = (name: string): string | undefined => params.get(name)?.trim() || undefined;
  const search: ExploreSearch = { ...range(get) };
  const service = get('service');
  if (service) search.service = service;
  const operation = get('operation');
  if (operation && operation !== 'all') search.operation = operation;
  const tags = formatTags(tagsOf(params));
  if (tags) search.tags = tags;
  const min = get('minDuration');
  if (min) search.min = min;
  const max = get('maxDuration');
  if (max) search.max = max;
  const limit = Number(get('limit'));
  if (Number.isInteger(limit) && limit > 0) search.limit = Math.min(limit, LIMIT_MAX);
  return search;
}

/** Jaeger writes tags as a JSON object in `tags`, and older versions as `tag=key:value`, as often as needed. */
function tagsOf(params: URLSearchParams): Tag[] {
  const tags = new Map<string, string>();
  for (const tag of params.getAll('tag')) {
    const colon = tag.indexOf(':');
    if (colon > 0) tags.set(tag.slice(0, colon), tag.slice(colon + 1));
  }
  for (const json of params.getAll('tags')) {
    for (const [key, value] of entriesOf(json)) tags.set(key, value);
  }
  return [...tags];
}

function entriesOf(json: string): Tag[] {
  try {
    const object: unknown = JSON.parse(json);
    if (typeof object !== 'object' || object === null || Array.isArray(object)) return [];
    return Object.entries(object).map(([key, value]): Tag => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
  } catch {
    return [];
  }
}

/** `lookback` wins over the instants beside it, as in Jaeger, where they only say when the link was made. */
function range(get: (name: string) => string | undefined): ExploreSearch {
  const lookback = get('lookback');
  if (lookback && lookback !== 'custom') return { from: `now-${weeks(lookback)}` };
  const from = nanos(get('start'));
  const to = nanos(get('end'));
  return { ...(from ? { from } : {}), ...(to ? { to } : {}) };
}

/** Jaeger counts weeks, durations here do not. */
function weeks(lookback: string): string {
  const match = /^(\d+)w$/.exec(lookback);
  return match ? `${Number(match[1]) * 7}d` : lookback;
}

/** Jaeger writes microseconds. */
function nanos(micros: string | undefined): string | undefined {
  return micros && /^\d{1,17}$/.test(micros) ? `${micros}000` : undefined;
}

/** What `?uiFind=` of a Jaeger trace link means: a span, when it is an id, else a text to find. */
export function fromUiFind(uiFind: string): TraceSearch {
  const find = uiFind.trim();
  if (/^[0-9a-f]{16}$/i.test(find)) return { span: find.toLowerCase() };
  return find ? { find } : {};
}

/** The two traces of Jaeger's `/trace/a...b`, which compares them; undefined for an id. Ids are hex digits. */
export function fromJaegerPair(id: string): CompareSearch | undefined {
  const pair = /^([0-9a-f]{1,32})\.\.\.([0-9a-f]{1,32})?$/i.exec(id);
  if (!pair) return undefined;
  const [, a, b] = pair;
  return { a, ...(b ? { b } : {}) };
}

/** The service that a link to Jaeger's maps or monitor is about. */
export function serviceOfJaeger(query: string): string | undefined {
  return new URLSearchParams(query).get('service')?.trim() || undefined;
}
