// Search, heatmap, facets, explanation and completion of the stand-in.

import type { Attribute } from '../src/api/types';
import { clausesOf, read } from '../src/language/check';
import { print } from '../src/language/print';
import type { Node } from '../src/language/tree';
import { COVERAGE, summaryOf } from './answers';
import { predicatesOf, type Predicate } from './match';
import type { MockSpan, MockTrace } from './model';

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUSES = ['unset', 'ok', 'error'];

/** A trace and its spans that match. */
interface Match {
  trace: MockTrace;
  spans: MockSpan[];
}

/** The conditions of a request; the range is the last, if there is one. */
function conditions(query: URLSearchParams, withRange = true): Predicate[] {
  const number = (name: string): bigint | undefined =>
    query.get(name) ? BigInt(query.get(name) as string) : undefined;
  const [start, end] = [number('start'), number('end')];
  const [traceStart, traceEnd] = [number('trace_start'), number('trace_end')];
  const all = predicatesOf(query.get('q') ?? '');
  if (traceStart !== undefined || traceEnd !== undefined)
    all.push((_, trace) => inside(trace.start, traceStart, traceEnd));
  if (withRange && (start !== undefined || end !== undefined))
    all.push((span) => inside(span.start, start, end));
  return all;
}

const inside = (at: bigint, from: bigint | undefined, to: bigint | undefined): boolean =>
  (from === undefined || at >= from) && (to === undefined || at < to);

function matches(traces: readonly MockTrace[], wanted: readonly Predicate[]): Match[] {
  return traces
    .map((trace) => ({
      trace,
      spans: trace.rows.filter((span) => wanted.every((holds) => holds(span, trace))),
    }))
    .filter(({ spans }) => spans.length > 0);
}

const exact = (value: number) => ({ value, exact: true });
const failed = ({ rows }: MockTrace): number => rows.filter(({ status }) => status === 2).length;
const byNumber = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

const ORDERS: Record<string, (a: MockTrace, b: MockTrace) => number> = {
  newest: (a, b) => byNumber(b.start, a.start),
  oldest: (a, b) => byNumber(a.start, b.start),
  longest: (a, b) => byNumber(b.duration, a.duration),
  shortest: (a, b) => byNumber(a.duration, b.duration),
  errors: (a, b) => failed(b) - failed(a),
  spans: (a, b) => b.rows.length - a.rows.length,
};

/** `GET /search` */
export function searchAnswer(traces: readonly MockTrace[], query: URLSearchParams) {
  const order = ORDERS[query.get('order') ?? 'newest'] ?? ORDERS['newest'];
  const found = matches(traces, conditions(query)).sort(
    (a, b) =>
      (order?.(a.trace, b.trace) ?? 0) ||
      byNumber(b.trace.start, a.trace.start) ||
      (a.trace.traceId < b.trace.traceId ? -1 : 1),
  );
  const from = Number(query.get('cursor') ?? 0);
  const to = from + Number(query.get('limit') ?? 20);
  return {
    traces: found.slice(from, to).map(({ trace, spans }) => summaryOf(trace, spans.length)),
    total: exact(found.length),
    next_cursor: to < found.length ? String(to) : null,
    coverage: COVERAGE,
  };
}

/** Lower edges of rows of duration: ten a decade. */
const EDGES = Array.from({ length: 190 }, (_, i) => {
  const steps = [100n, 125n, 160n, 200n, 250n, 315n, 400n, 500n, 630n, 800n];
  return ((steps[i % 10] as bigint) * 10n ** BigInt(Math.floor(i / 10))) / 100n;
});

/** `GET /heatmap` */
export function heatmapAnswer(traces: readonly MockTrace[], query: URLSearchParams) {
  const found = matches(traces, conditions(query));
  const ofSpans = query.get('unit') === 'spans';
  const points = ofSpans
    ? found.flatMap(({ spans }) =>
        spans.map((span) => ({
          id: span.traceId,
          at: span.start,
          lasts: span.end - span.start,
          isError: span.status === 2,
        })),
      )
    : found.map(({ trace }) => ({
        id: trace.traceId,
        at: trace.start,
        lasts: trace.duration,
        isError: failed(trace) > 0,
      }));
  const columns = Number(query.get('columns') ?? 120);
  const times = points.map(({ at }) => at).sort(byNumber);
  // Without a range some room is left on both sides.
  const room = ((times.at(-1) ?? 0n) - (times[0] ?? 0n)) / 20n + 1_000_000n;
  const start = BigInt(query.get('axis_start') ?? query.get('start') ?? (times[0] ?? 0n) - room);
  const end = BigInt(query.get('axis_end') ?? query.get('end') ?? (times.at(-1) ?? 0n) + room);
  const width = (end - start + BigInt(columns) - 1n) / BigInt(columns) || 1n;
  const rowOf = (lasts: bigint): number => EDGES.findLastIndex((edge) => edge <= lasts);
  const lasting = points.map(({ lasts }) => rowOf(lasts)).filter((row) => row >= 0);
  const first = Math.min(...lasting, EDGES.length);
  const hasInstant = lasting.length < points.length;
  const edges = lasting.length > 0 ? EDGES.slice(first, Math.max(...lasting) + 2) : [1n];
  if (hasInstant) edges.unshift(0n);
  const cells = new Map<string, { column: number; row: number; ids: string[]; errors: string[] }>();
  const timeline = {
    count: Array<number>(columns).fill(0),
    error_count: Array<number>(columns).fill(0),
  };
  for (const { id, at, lasts, isError } of points) {
    const column = Math.max(0, Math.min(columns - 1, Number((at - start) / width)));
    const fine = rowOf(lasts);
    const row = fine < 0 ? 0 : fine - first + (hasInstant ? 1 : 0);
    const cell = cells.get(`${column} ${row}`) ?? { column, row, ids: [], errors: [] };
    cells.set(`${column} ${row}`, cell);
    cell.ids.push(id);
    if (isError) cell.errors.push(id);
    timeline.count[column] = (timeline.count[column] ?? 0) + 1;
    if (isError) timeline.error_count[column] = (timeline.error_count[column] ?? 0) + 1;
  }
  const sorted = [...cells.values()].sort((a, b) => a.column - b.column || a.row - b.row);
  const durations = points.map(({ lasts }) => lasts).sort(byNumber);
  const quantile = (share: number): string =>
    String(durations[Math.floor(share * (durations.length - 1))] ?? 0n);
  return {
    start_time_unix_nano: String(start),
    column_ns: String(width),
    column_count: columns,
    row_edges_ns: points.length > 0 ? edges.map(String) : [],
    cells: {
      column: sorted.map(({ column }) => column),
      row: sorted.map(({ row }) => row),
      count: sorted.map(({ ids }) => ids.length),
      error_count: sorted.map(({ errors }) => errors.length),
      trace_id: sorted.map(({ ids, errors }) => (errors.length > 0 ? errors : ids).sort()[0]),
    },
    timeline,
    untimed_count: 0,
    total: exact(points.length),
    trace_total: exact(found.length),
    error_count: points.filter(({ isError }) => isError).length,
    duration_quantiles:
      lasting.length > 0
        ? { p50_ns: quantile(0.5), p95_ns: quantile(0.95), p99_ns: quantile(0.99) }
        : null,
    coverage: COVERAGE,
  };
}

type Reader = (span: MockSpan) => string[];

/** Without a prototype: an attribute may be called `constructor`. */
const FIELDS: Record<string, Reader> = Object.assign(Object.create(null), {
  service: (span: MockSpan) => [span.service],
  status: (span: MockSpan) => [STATUSES[span.status] ?? ''],
  kind: (span: MockSpan) => [KINDS[span.kind] ?? ''],
  name: (span: MockSpan) => [span.name],
} satisfies Record<string, Reader>);

const ofAttribute =
  (key: string): Reader =>
  (span) => [
    ...new Set(
      [...span.attributes, ...span.resource]
        .filter((each) => each.key === key)
        .map(({ value }) => value),
    ),
  ];

/** The key that a condition is about, if it is about one alone. */
function keyOf(node: Node): string | undefined {
  if (node.is === 'not') return keyOf(node.part);
  if (node.is === 'term') {
    const { subject } = node;
    if (subject.is === 'attribute') return subject.key;
    if (subject.is === 'names') return undefined;
    const name = subject.name === 'error' ? 'status' : subject.name;
    return name in FIELDS ? name : undefined;
  }
  const keys = new Set(node.parts.map(keyOf));
  return keys.size === 1 ? [...keys][0] : undefined;
}

/** `GET /facets` */
export function facetsAnswer(traces: readonly MockTrace[], query: URLSearchParams) {
  const nodes = clausesOf(read(query.get('q') ?? ''));
  const spansOf = (wanted: readonly Predicate[]): MockSpan[] =>
    matches(traces, wanted).flatMap(({ spans }) => spans);
  const all = conditions(query);
  const spans = spansOf(all);
  const shown = Number(query.get('values') ?? 10);
  const facet = (key: string, isAttribute: boolean) => {
    const isOwn = nodes.some((node) => keyOf(node) === key);
    const others = all.filter((_, i) => !nodes[i] || keyOf(nodes[i]) !== key);
    const counted = isOwn ? spansOf(others) : spans;
    const readValues = (isAttribute ? undefined : FIELDS[key]) ?? ofAttribute(key);
    const counts = new Map<string, number>();
    let withKey = 0;
    for (const span of counted) {
      const values = readValues(span);
      if (values.length > 0) withKey++;
      for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return {
      key,
      is_attribute: isAttribute,
      span_count: withKey,
      missing_count: counted.length - withKey,
      value_count: exact(sorted.length),
      values: sorted.slice(0, shown).map(([value, count]) => ({ value, span_count: count })),
      other_count: sorted.slice(shown).reduce((sum, [, count]) => sum + count, 0),
      without_own: isOwn,
      sampled: false,
    };
  };
  const frequent = new Map<string, number>();
  for (const span of spans)
    for (const { key } of [...span.attributes, ...span.resource])
      if (key !== 'service.name') frequent.set(key, (frequent.get(key) ?? 0) + 1);
  const own = nodes.map(keyOf).filter((key) => key !== undefined && !(key in FIELDS)) as string[];
  const keys = [
    ...query.getAll('key'),
    ...own,
    ...[...frequent].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([key]) => key),
  ];
  const few = [...new Set(keys)].slice(0, 12 + query.getAll('key').length + own.length);
  return {
    facets: [
      ...Object.keys(FIELDS).map((key) => facet(key, false)),
      ...few.map((key) => facet(key, true)),
    ],
    span_total: exact(spans.length),
    sample_weight: 1,
    coverage: COVERAGE,
  };
}

/** `GET /explain` */
export function explainAnswer(traces: readonly MockTrace[], query: URLSearchParams) {
  const nodes = clausesOf(read(query.get('q') ?? ''));
  const all = conditions(query);
  const [start, end] = [query.get('start'), query.get('end')];
  const anyTime = matches(traces, conditions(query, false));
  const spans = anyTime.flatMap((match) => match.spans).sort((a, b) => byNumber(a.start, b.start));
  const nearest = (span: MockSpan | undefined) =>
    span ? { trace_id: span.traceId, start_time_unix_nano: String(span.start) } : null;
  return {
    clauses: nodes.map((node, place) => ({
      clause: print(node),
      total_without: exact(
        matches(
          traces,
          all.filter((_, i) => i !== place),
        ).length,
      ),
    })),
    total_at_any_time: start || end ? exact(anyTime.length) : null,
    nearest_before: nearest(
      start ? spans.findLast((span) => span.start < BigInt(start)) : undefined,
    ),
    nearest_after: nearest(end ? spans.find((span) => span.start >= BigInt(end)) : undefined),
    coverage: COVERAGE,
  };
}

const LEVELS: Record<string, (span: MockSpan) => readonly Attribute[]> = {
  span: (span) => span.attributes,
  resource: (span) => span.resource,
  event: (span) => span.events.flatMap(({ attributes }) => attributes),
  link: (span) => span.links.flatMap(({ attributes }) => attributes),
};

/** Those that contain `text`, the ones that begin with it first, then by count. */
function fitting<T>(
  items: T[],
  text: string,
  name: (item: T) => string,
  count: (item: T) => number,
): T[] {
  const wanted = text.toLowerCase();
  const begins = (item: T): number => Number(name(item).toLowerCase().startsWith(wanted));
  return items
    .filter((item) => name(item).toLowerCase().includes(wanted))
    .sort((a, b) => begins(b) - begins(a) || count(b) - count(a) || (name(a) < name(b) ? -1 : 1));
}

/** `GET /keys` */
export function keysAnswer(spans: readonly MockSpan[], query: URLSearchParams) {
  const known = new Map<
    string,
    { key: string; level: string; type: string; count: number; values: Set<string> }
  >();
  for (const span of spans)
    for (const [level, attributes] of Object.entries(LEVELS))
      for (const { key, type, value } of attributes(span)) {
        const name = `${level} ${key}`;
        const facts = known.get(name) ?? { key, level, type, count: 0, values: new Set() };
        known.set(name, facts);
        facts.count++;
        facts.values.add(value);
      }
  const found = fitting(
    [...known.values()],
    query.get('prefix') ?? '',
    ({ key }) => key,
    ({ count }) => count,
  );
  return {
    keys: found
      .slice(0, Number(query.get('limit') ?? 20))
      .map(({ key, level, type, count, values }) => ({
        key,
        level,
        type,
        span_count: count,
        value_count: exact(values.size),
      })),
    coverage: COVERAGE,
  };
}

/** `GET /values` */
export function valuesAnswer(spans: readonly MockSpan[], query: URLSearchParams) {
  const key = query.get('key') ?? '';
  const level = query.get('level') ?? (key in FIELDS ? 'field' : 'any');
  const counts = new Map<string, number>();
  const readers =
    level === 'any' ? Object.values(LEVELS) : Object.hasOwn(LEVELS, level) ? [LEVELS[level]] : [];
  for (const span of spans) {
    const found =
      level === 'field'
        ? (FIELDS[key]?.(span) ?? [])
        : readers.flatMap(
            (reader) =>
              reader?.(span)
                .filter((each) => each.key === key)
                .map(({ value }) => value) ?? [],
          );
    for (const value of found) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const limit = Number(query.get('limit') ?? 20);
  const found = fitting(
    [...counts],
    query.get('prefix') ?? '',
    ([value]) => value,
    ([, count]) => count,
  );
  return {
    values: found.slice(0, limit).map(([value, count]) => ({ value, count })),
    more: found.length > limit,
    truncated: false,
    coverage: COVERAGE,
  };
}
