// The state of each page as it stands in its URL: names, types, and how the text is read and written.

import { tryRead } from '../language/check';
import { compares, printKey } from '../language/print';
import { parseTags, type Tag } from '../lib/logfmt';

/** On every page. */
export interface ShellSearch {
  /** Time zone: `local`, `utc` or an IANA name. */
  tz?: string;
}

/** Orders of results. */
export const ORDERS = ['newest', 'oldest', 'longest', 'shortest', 'errors', 'spans'] as const;
export type Order = (typeof ORDERS)[number];

/** On `/explore`. Texts are as typed; the page says what is wrong with them. */
export interface ExploreSearch extends ShellSearch, FormFields {
  /** The query, in the language of docs/query-language.md. */
  q?: string;
  /** Range: `now-1h`, nanoseconds since the epoch, or RFC 3339. */
  from?: string;
  to?: string;
  limit?: number;
  cursor?: string;
  /** Which traces come first; the newest unless given. */
  sort?: Order;
  /** `spans` when the heatmap counts spans, not traces. */
  unit?: string;
  /** The range that was zoomed into: its ends, and where data lay at an open one, `from~to~first~last`. */
  around?: string;
  /** Box on the heatmap that the results are narrowed to: `from,to,min,max`, ns, an open end empty. */
  sel?: string;
  /** `table` instead of the drawn heatmap. */
  view?: string;
  /** Attributes that facets are shown for, URL-encoded, with spaces between. */
  facets?: string;
  /** Columns of the results that are hidden, with commas between. */
  hide?: string;
  /** Traces marked for comparison, A first: at most two ids with a comma between. */
  pick?: string;
}

/** Fields of a search form, as links of other pages and older ones have them; {@link withoutForm} turns them into `q`. */
interface FormFields {
  service?: string;
  operation?: string;
  /** Tags in logfmt. */
  tags?: string;
  /** Shortest and longest duration, with unit. */
  min?: string;
  max?: string;
}

/** On `/trace/:id`. */
export interface TraceSearch extends ShellSearch {
  /** Span in the panel: its id, and `.2` for the second span of that id. */
  span?: string;
  /** What is looked for in the trace. */
  find?: string;
  /** `1` leaves out the spans that do not match. */
  only?: string;
  /** Part of the trace that is shown, ns from its start: `from,to`. */
  range?: string;
  /** `0` hides the critical path. */
  cp?: string;
  /** `1` cuts long idle stretches out of the time axis. */
  gaps?: string;
  /** `0` shows repeated siblings one by one. */
  fold?: string;
  /** Services that are switched off, with commas between them. */
  hide?: string;
  /** How the trace is shown, when not as a waterfall. */
  view?: string;
  /** What the table groups by, the group whose spans it lists, and its order. */
  group?: string;
  pick?: string;
  sort?: string;
}

/** On `/sql`. */
export interface SqlSearch extends ShellSearch {
  /** The statement that was run. */
  q?: string;
  /** `chart` beside the table. */
  view?: string;
}

/** On `/compare`. */
export interface CompareSearch extends ShellSearch {
  /** Ids of the two traces. */
  a?: string;
  b?: string;
  /** `parent` sets each span at the start of its parent; else each trace at its own start. */
  align?: string;
  /** `no` shows every pair of spans, also those that are alike. */
  fold?: string;
  /** Place of the chosen pair. */
  row?: string;
}

/** On pages about a range of time. */
export interface RangeSearch extends ShellSearch {
  /** Range: `now-1h`, nanoseconds since the epoch, or RFC 3339. */
  from?: string;
  to?: string;
}

/** On `/services` and `/service/:name`. */
export interface ServiceSearch extends RangeSearch {
  /** Which spans count: `all`, `client`; else the ones that answer a request. */
  kind?: string;
  /** Column that the table is sorted by; with `-` in front from the least. */
  sort?: string;
  /** Only services or operations with this text in their name. */
  find?: string;
}

/** On `/map`. */
export interface MapSearch extends RangeSearch {
  /** The service in the middle; without one the whole map is shown. */
  focus?: string;
  /** Steps around the focus that are shown. */
  depth?: string;
  /** `list` instead of a drawing. */
  view?: string;
}

/** Values of a query string, before a page has read them. */
export type RawSearch = Record<string, unknown>;

/** Traces asked for at once, unless the URL says otherwise. */
export const LIMIT_DEFAULT = 50;

/** The server's own bound. */
export const LIMIT_MAX = 1500;

/** Reads a query string into plain texts: no JSON, so that links stay readable. */
export function parseSearch(query: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(query));
}

/** Writes a query string; absent and empty values are left out. */
export function stringifySearch(search: RawSearch): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    if (value !== undefined && value !== null && value !== '') params.set(name, String(value));
  }
  const query = params
    .toString()
    .replaceAll('%2F', '/')
    .replaceAll('%3A', ':')
    .replaceAll('%2C', ',');
  return query ? `?${query}` : '';
}

/** The texts of `names` that are present. */
function texts<K extends string>(raw: RawSearch, names: readonly K[]): { [P in K]?: string } {
  const found: { [P in K]?: string } = {};
  for (const name of names) {
    const value = raw[name];
    if (typeof value === 'string' && value.trim() !== '') found[name] = value;
    else if (typeof value === 'number') found[name] = String(value);
  }
  return found;
}

/** Reads the state of any page's frame. */
export function readShellSearch(raw: RawSearch): ShellSearch {
  return texts(raw, ['tz']);
}

const FORM = ['service', 'operation', 'tags', 'min', 'max'] as const;

/** Reads the state of `/explore`. */
export function readExploreSearch(raw: RawSearch): ExploreSearch {
  const search: ExploreSearch = texts(raw, [
    ...FORM,
    'q',
    'from',
    'to',
    'cursor',
    'around',
    'unit',
    'view',
    'sel',
    'facets',
    'hide',
    'pick',
    'tz',
  ]);
  const limit = Number(raw['limit']);
  if (Number.isInteger(limit) && limit >= 1) search.limit = Math.min(limit, LIMIT_MAX);
  const sort = ORDERS.find((order) => order === raw['sort']);
  if (sort && sort !== 'newest') search.sort = sort;
  return search;
}

/** The same search with the fields of a form as a part of its query; undefined when it has none. */
export function withoutForm(search: ExploreSearch): ExploreSearch | undefined {
  const clauses = clausesOfForm(search);
  if (clauses.length === 0) return undefined;
  const rest = { ...search };
  for (const field of FORM) delete rest[field];
  const { q } = search;
  // What stood there may be an `or`: the fields hold beside all of it.
  rest.q = [q && hasOr(q) ? `(${q})` : q, ...clauses].filter(Boolean).join(' ');
  return rest;
}

function hasOr(q: string): boolean {
  const read = tryRead(q);
  return 'node' in read && read.node.is === 'any';
}

/** Tags of Jaeger that are fields of a span. */
const TAG_FIELDS = new Set([
  'span.kind',
  'otel.status_code',
  'otel.scope.name',
  'otel.scope.version',
]);

function clausesOfForm({ service, operation, tags, min, max }: FormFields): string[] {
  const clauses: string[] = [];
  if (service) clauses.push(compares('service', '=', service));
  if (operation) clauses.push(compares('name', '=', operation));
  const parsed = parseTags(tags ?? '');
  // What cannot be read as tags is left for the query bar to complain about.
  if (parsed.ok) clauses.push(...parsed.tags.map(clauseOfTag));
  else clauses.push(tags as string);
  if (min) clauses.push(compares('duration', '>=', min.replaceAll(' ', '')));
  if (max) clauses.push(compares('duration', '<=', max.replaceAll(' ', '')));
  return clauses;
}

/** The condition that a tag stands for. */
export function clauseOfTag([key, value]: Tag): string {
  if (key === 'error' && /^(?:true|false)$/i.test(value))
    return value.toLowerCase() === 'true' ? 'error' : 'not error';
  if (TAG_FIELDS.has(key)) return compares(key, '=', value);
  const resource = /^resource\.(.+)$/.exec(key)?.[1];
  return compares(resource ? printKey('resource', resource) : printKey('any', key), '=', value);
}

/** Reads the state of `/sql`. */
export function readSqlSearch(raw: RawSearch): SqlSearch {
  return texts(raw, ['q', 'view', 'tz']);
}

/** Reads the state of `/compare`. */
export function readCompareSearch(raw: RawSearch): CompareSearch {
  return texts(raw, ['a', 'b', 'align', 'fold', 'row', 'tz']);
}

/** Reads the state of `/services` and `/service/:name`. */
export function readServiceSearch(raw: RawSearch): ServiceSearch {
  return texts(raw, ['from', 'to', 'kind', 'sort', 'find', 'tz']);
}

/** Reads the state of `/map`. */
export function readMapSearch(raw: RawSearch): MapSearch {
  return texts(raw, ['from', 'to', 'focus', 'depth', 'view', 'tz']);
}

/** Reads the state of `/trace/:id`. */
export function readTraceSearch(raw: RawSearch): TraceSearch {
  return texts(raw, [
    'span',
    'find',
    'only',
    'range',
    'cp',
    'gaps',
    'fold',
    'hide',
    'view',
    'group',
    'pick',
    'sort',
    'tz',
  ]);
}

/** `search` with some fields changed; undefined removes one. */
export function changed<S extends object>(
  search: S,
  changes: { [K in keyof S]?: S[K] | undefined },
): S {
  const entries = Object.entries({ ...search, ...changes });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as S;
}
