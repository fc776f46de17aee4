// Spans of an opened file, and how a trace is put together from them: by the rule of the server, in the simplest form.

import type { Attribute } from '../api/types';

/** One span. Times are nanoseconds. */
export interface FileSpan {
  traceId: string;
  spanId: string;
  parentId: string | null;
  name: string;
  service: string;
  /** OTLP number. */
  kind: number;
  start: bigint;
  end: bigint;
  /** 0 unset, 1 ok, 2 error. */
  status: number;
  message: string;
  attributes: Attribute[];
  resource: Attribute[];
  /** Instrumentation scope. */
  scope?: { name: string; version: string };
  events: { time: bigint; name: string; attributes: Attribute[] }[];
  links: { traceId: string; spanId: string; attributes: Attribute[] }[];
}

/** A span with everything that was not given empty. */
export function fileSpan(
  given: Partial<FileSpan> & Pick<FileSpan, 'traceId' | 'spanId'>,
): FileSpan {
  const service = given.service ?? 'unknown_service';
  return {
    parentId: null,
    name: '',
    service,
    kind: 1,
    start: 0n,
    end: given.start ?? 0n,
    status: 0,
    message: '',
    attributes: [],
    resource: [{ key: 'service.name', type: 'string', value: service }],
    events: [],
    links: [],
    ...given,
  };
}

/** A trace in depth-first order. */
export interface FileTrace {
  traceId: string;
  rows: FileSpan[];
  parentRow: number[];
  depth: number[];
  subtreeSize: number[];
  /** Bits: 1 orphan, 2 shared id, 4 ends before start. */
  flags: number[];
  start: bigint;
  duration: bigint;
  root: FileSpan;
  orphans: number;
}

const CLIENT_KINDS = new Set([3, 4]);
const SERVER_KINDS = new Set([2, 5]);

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Spans that share an id, and whether they are the two halves of one call. */
interface Group {
  spans: FileSpan[];
  client?: FileSpan;
  server?: FileSpan;
}

function groupById(spans: readonly FileSpan[]): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const span of spans) {
    const group: Group = groups.get(span.spanId) ?? { spans: [] };
    groups.set(span.spanId, group);
    group.spans.push(span);
    if (CLIENT_KINDS.has(span.kind)) group.client ??= span;
    if (SERVER_KINDS.has(span.kind)) group.server ??= span;
  }
  return groups;
}

/** The span that `span` hangs under: the server half of its parent's id; a server half hangs under its client half. */
function parentOf(span: FileSpan, groups: Map<string, Group>): FileSpan | undefined {
  const own = groups.get(span.spanId);
  if (own?.client && own.server === span) return own.client;
  if (span.parentId === null) return undefined;
  const group = groups.get(span.parentId);
  const parent = (group?.client && group.server) || group?.spans[0];
  return parent === span ? undefined : parent;
}

/** Spans and their children, cycles broken at the earliest start. */
function linkSpans(spans: readonly FileSpan[]): {
  parents: Map<FileSpan, FileSpan>;
  orphans: Set<FileSpan>;
  shared: Set<FileSpan>;
} {
  const groups = groupById(spans);
  const parents = new Map<FileSpan, FileSpan>();
  const orphans = new Set<FileSpan>();
  const shared = new Set<FileSpan>();
  const ordered = [...spans].sort((a, b) => compare(a.start, b.start));
  for (const span of ordered) {
    const group = groups.get(span.spanId);
    if (group?.client && group.server && group.spans.length > 1) shared.add(span);
    const parent = parentOf(span, groups);
    if (parent) parents.set(span, parent);
    else if (span.parentId !== null) orphans.add(span);
  }
  const safe = new Set<FileSpan>();
  for (const span of ordered) {
    const path = new Set<FileSpan>();
    let up: FileSpan | undefined = span;
    while (up && !safe.has(up) && !path.has(up)) {
      path.add(up);
      up = parents.get(up);
    }
    if (up && path.has(up)) {
      // A circle: its earliest span becomes a root.
      const circle = [up];
      for (let next = parents.get(up); next && next !== up; next = parents.get(next))
        circle.push(next);
      parents.delete(
        circle.reduce((first, one) => (compare(one.start, first.start) < 0 ? one : first)),
      );
    }
    for (const one of path) safe.add(one);
  }
  return { parents, orphans, shared };
}

/** Puts the spans of one trace in depth-first order, children by start time. */
export function assemble(spans: readonly FileSpan[]): FileTrace {
  const { parents, orphans, shared } = linkSpans(spans);
  const children = new Map<FileSpan, FileSpan[]>();
  const roots: FileSpan[] = [];
  for (const span of [...spans].sort((a, b) => compare(a.start, b.start))) {
    const parent = parents.get(span);
    if (!parent) roots.push(span);
    else if (!children.get(parent)?.push(span)) children.set(parent, [span]);
  }
  const trace: FileTrace = {
    traceId: (spans[0] as FileSpan).traceId,
    rows: [],
    parentRow: [],
    depth: [],
    subtreeSize: [],
    flags: [],
    start: 0n,
    duration: 0n,
    root: roots.find((span) => span.parentId === null) ?? (roots[0] as FileSpan),
    orphans: orphans.size,
  };
  const flagsOf = (span: FileSpan): number =>
    (orphans.has(span) ? 1 : 0) | (shared.has(span) ? 2 : 0) | (span.end < span.start ? 4 : 0);
  const stack = roots.toReversed().map((span) => ({ span, parent: -1 }));
  for (let next = stack.pop(); next; next = stack.pop()) {
    const row = trace.rows.push(next.span) - 1;
    trace.parentRow.push(next.parent);
    trace.depth.push(next.parent === -1 ? 0 : (trace.depth[next.parent] as number) + 1);
    trace.subtreeSize.push(1);
    trace.flags.push(flagsOf(next.span));
    for (const span of (children.get(next.span) ?? []).toReversed())
      stack.push({ span, parent: row });
  }
  for (let row = trace.rows.length - 1; row > 0; row--) {
    const parent = trace.parentRow[row] as number;
    if (parent >= 0)
      trace.subtreeSize[parent] =
        (trace.subtreeSize[parent] as number) + (trace.subtreeSize[row] as number);
  }
  const timed = trace.rows.filter((span) => span.start !== 0n);
  trace.start = timed.reduce(
    (least, span) => (span.start < least ? span.start : least),
    timed[0]?.start ?? 0n,
  );
  const end = timed.reduce((most, span) => (span.end > most ? span.end : most), trace.start);
  trace.duration = end - trace.start;
  return trace;
}
