// The statements of services and map, for the stand-in: told by the name in their first line, computed in the plainest way.

import { MockSqlError, type ColumnType, type MockResult } from './sql';
import type { MockSpan } from './model';

type Value = string | bigint | number | null;

const BOUND = /(\w+\.)?start_time (>=|<) to_timestamp_nanos\((-?\d+)\)/g;
const SERVER_KINDS = new Set([2, 5]);
const CLIENT_KINDS = new Set([3, 4]);

function within(text: string): (span: MockSpan) => boolean {
  let [from, to] = [-(1n << 63n), 1n << 63n];
  for (const [, , operator, ns] of text.matchAll(BOUND)) {
    if (operator === '>=') from = BigInt(ns as string);
    else to = BigInt(ns as string);
  }
  const service = /service_name = '((?:[^']|'')*)'/.exec(text)?.[1]?.replaceAll("''", "'");
  const isEntry = text.includes("AND kind IN ('server', 'consumer')");
  const isClient = text.includes("AND kind IN ('client', 'producer')");
  const isFailed = text.includes("AND status_code = 'error'");
  return (span) =>
    span.start >= from &&
    span.start < to &&
    (service === undefined || span.service === service) &&
    (!isEntry || SERVER_KINDS.has(span.kind)) &&
    (!isClient || CLIENT_KINDS.has(span.kind)) &&
    (!isFailed || span.status === 2);
}

const duration = (span: MockSpan): number => Number(span.end - span.start);

function percentile(spans: readonly MockSpan[], share: number): number {
  const sorted = spans.map(duration).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const red = (spans: readonly MockSpan[]): Value[] => [
  spans.length,
  spans.filter(({ status }) => status === 2).length,
  ...[0.5, 0.95, 0.99].map((share) => percentile(spans, share)),
];

function grouped(
  spans: readonly MockSpan[],
  keys: ((span: MockSpan) => Value)[],
): { key: Value[]; spans: MockSpan[] }[] {
  const groups = new Map<string, { key: Value[]; spans: MockSpan[] }>();
  for (const span of spans) {
    const key = keys.map((read) => read(span));
    const name = key.join('\u0000');
    const group = groups.get(name) ?? { key, spans: [] };
    groups.set(name, group);
    group.spans.push(span);
  }
  return [...groups.values()];
}

const times = (spans: readonly MockSpan[]): Value[] => {
  const starts = spans.map(({ start }) => start).sort((a, b) => (a < b ? -1 : 1));
  return [starts[0] ?? null, starts.at(-1) ?? null];
};

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

function edges(all: readonly MockSpan[]) {
  const byId = new Map(all.map((span) => [`${span.traceId} ${span.spanId}`, span]));
  const caller = (span: MockSpan): string | undefined =>
    byId.get(`${span.traceId} ${span.parentId}`)?.service;
  const called = all.filter((span) => {
    const service = caller(span);
    return service !== undefined && service !== span.service;
  });
  return grouped(called, [(span) => caller(span) as string, (span) => span.service]);
}

/** Calls between services, as Jaeger's API tells them. */
export function dependencies(all: readonly MockSpan[], from: bigint, to: bigint) {
  const inside = (span: MockSpan): boolean => span.start >= from && span.start < to;
  return edges(all)
    .map(({ key, spans }) => ({
      parent: String(key[0]),
      child: String(key[1]),
      callCount: spans.filter(inside).length,
    }))
    .filter(({ callCount }) => callCount > 0);
}

const TYPES: Record<string, ColumnType> = {
  first: 'timestamp(9)',
  last: 'timestamp(9)',
  bucket: 'timestamp(9)',
  start_time: 'timestamp(9)',
};

function result(names: string, rows: Value[][]): MockResult {
  const columns = names
    .split(' ')
    .map((name) => ({ name, type: TYPES[name] ?? ('text' as const) }));
  return { columns, rows: rows as MockResult['rows'] };
}

/** Answers a statement that names itself. */
export function figures(name: string, text: string, all: readonly MockSpan[]): MockResult {
  const spans = all.filter(within(text));
  const seconds = BigInt(/INTERVAL '(\d+) seconds'/.exec(text)?.[1] ?? 1) * 1_000_000_000n;
  const bucket = (span: MockSpan): bigint => span.start - (span.start % seconds);
  const role = (span: MockSpan): string => (SERVER_KINDS.has(span.kind) ? 'entry' : 'all');
  const service = (span: MockSpan): string => span.service;
  const rows = (keys: ((span: MockSpan) => Value)[], read: (group: MockSpan[]) => Value[]) =>
    grouped(spans, keys).map(({ key, spans: group }) => key.concat(read(group)));
  switch (name) {
    case 'backlinks': {
      const [trace, span] = [...text.matchAll(/X'([0-9a-f]+)'/g)].map(([, id]) => id);
      const linked = all.filter(({ links }) =>
        links.some((link) => link.traceId === trace && link.spanId === span),
      );
      return result(
        'trace_id span_id service_name name',
        linked.map((each) => [each.traceId, each.spanId, each.service, each.name]),
      );
    }
    case 'rank': {
      const own = Number(/duration_ns < (-?\d+)/.exec(text)?.[1]);
      const [, wanted = ''] = /AND name = '((?:[^']|'')*)'/.exec(text) ?? [];
      const [, kind = ''] = /AND kind = '(\w+)'/.exec(text) ?? [];
      const alike = spans.filter(
        (span) => span.name === wanted.replaceAll("''", "'") && KINDS[span.kind] === kind,
      );
      const faster = alike.filter((span) => duration(span) < own).length;
      const [count, errors, median, p95] = red(alike) as Value[];
      return result('spans faster errors median p95', [
        [count, faster, errors, median, p95] as Value[],
      ]);
    }
    case 'extent':
      return result('first last spans', [[...times(spans), spans.length]]);
    case 'services':
      return result('service_name role calls errors p50 p95 p99', rows([service, role], red));
    case 'services trend':
      return result('service_name role bucket calls errors', rows([service, role, bucket], red));
    case 'kinds':
      return result(
        'kind calls first last',
        rows([(span) => KINDS[span.kind] ?? ''], (group) => [group.length, ...times(group)]),
      );
    case 'series':
      return result('bucket calls errors p50 p95 p99', rows([bucket], red));
    case 'heat': {
      const level = (span: MockSpan): number => Math.floor(Math.log10(duration(span)) * 8);
      const lasting = grouped(
        spans.filter((span) => duration(span) > 0),
        [bucket, level],
      );
      return result(
        'bucket level calls',
        lasting.map(({ key, spans: group }) => key.concat(group.length)),
      );
    }
    case 'operations':
      return result(
        'name calls errors p50 p95 p99 total',
        rows([(span) => span.name], (group) => [
          ...red(group),
          group.reduce((sum, span) => sum + duration(span), 0),
        ]),
      );
    case 'operations trend':
      return result('name bucket calls', rows([(span) => span.name, bucket], red));
    case 'samples': {
      const newest = text.includes('ORDER BY start_time');
      const order = (span: MockSpan): number => (newest ? Number(span.start) : duration(span));
      const sorted = spans.toSorted((a, b) => order(b) - order(a)).slice(0, 12);
      return result(
        'trace_id span_id name start_time duration_ns status_code status_message',
        sorted.map((span) => [
          span.traceId,
          span.spanId,
          span.name,
          span.start,
          duration(span),
          span.status === 2 ? 'error' : 'unset',
          span.message,
        ]),
      );
    }
    case 'edges':
      return result(
        'caller callee calls errors p95',
        edges(all).map(({ key, spans: group }) => {
          const [calls, errors, , p95] = red(group.filter(within(text)));
          return key.concat([calls ?? 0, errors ?? 0, p95 ?? 0]);
        }),
      );
    default:
      throw new MockSqlError(`the stand-in does not know the question ${name}`, null);
  }
}
