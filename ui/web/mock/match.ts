// The query language over the stand-in's spans, in the plainest way: every condition is asked of every span.

import { clausesOf, durationNs, read } from '../src/language/check';
import {
  isOfTrace,
  QueryError,
  type FieldName,
  type Node,
  type Op,
  type Term,
  type Value,
} from '../src/language/tree';
import { parseDuration } from '../src/lib/duration';
import type { MockSpan, MockTrace } from './model';

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUSES = ['unset', 'ok', 'error'];

/** True for a span that meets the conditions on spans, in a trace that meets those on traces. */
export type Predicate = (span: MockSpan, trace: MockTrace) => boolean;

/** The conditions of a query, one by one. Throws {@link QueryError}. */
export function predicatesOf(q: string): Predicate[] {
  return clausesOf(read(q)).map((node) => (span, trace) => holds(node, span, trace));
}

export { QueryError };

function holds(node: Node, span: MockSpan, trace: MockTrace): boolean {
  if (node.is === 'not') return !holds(node.part, span, trace);
  if (node.is === 'term') return termHolds(node, span, trace);
  return node.is === 'all'
    ? node.parts.every((part) => holds(part, span, trace))
    : node.parts.some((part) => holds(part, span, trace));
}

function termHolds({ subject, test }: Term, span: MockSpan, trace: MockTrace): boolean {
  if (subject.is === 'names') {
    const texts = [span.service, span.name].map((text) => text.toLowerCase());
    const values = test.is === 'compares' ? test.values : [];
    return values.some(({ text }) => texts.some((each) => each.includes(text.toLowerCase())));
  }
  if (subject.is === 'attribute') {
    const found = attributesAt(span, subject.level)
      .filter(({ key }) => key === subject.key)
      .map(({ value }) => value);
    if (test.is !== 'compares') return found.length > 0;
    const { op, values } = test;
    const any = (positive: Op): boolean =>
      values.some((value) => found.some((text) => compares(text, positive, value)));
    if (op === '!=') return found.length > 0 && !any('=');
    return op === '!~' ? found.length > 0 && !any('~') : any(op);
  }
  const field = subject.name;
  if (test.is === 'holds')
    return field === 'error'
      ? span.status === 2
      : field === 'root'
        ? !span.parentId
        : trace.orphans === 0;
  const texts = isOfTrace(field) ? ofTrace(field, trace) : ofSpan(field, span);
  if (test.is === 'exists') return texts.some((text) => text !== '');
  const { op, values } = test;
  const any = (positive: Op): boolean =>
    values.some((value) => texts.some((text) => compares(text, positive, value, field)));
  return op === '!=' ? !any('=') : op === '!~' ? !any('~') : any(op);
}

function attributesAt(span: MockSpan, level: string): { key: string; value: string }[] {
  const levels: Record<string, { key: string; value: string }[]> = {
    span: span.attributes,
    resource: span.resource,
    scope: [],
    event: span.events.flatMap(({ attributes }) => attributes),
    link: span.links.flatMap(({ attributes }) => attributes),
  };
  return level === 'any' ? Object.values(levels).flat() : (levels[level] ?? []);
}

function ofSpan(field: FieldName, span: MockSpan): string[] {
  switch (field) {
    case 'service':
      return [span.service];
    case 'name':
      return [span.name];
    case 'kind':
      return [KINDS[span.kind] ?? ''];
    case 'status':
      return [STATUSES[span.status] ?? ''];
    case 'status.message':
      return [span.message];
    case 'scope.name':
      return [span.scope?.name ?? ''];
    case 'scope.version':
      return [span.scope?.version ?? ''];
    case 'event.name':
      return span.events.map(({ name }) => name);
    case 'trace_id':
      return [span.traceId];
    case 'span_id':
      return [span.spanId];
    case 'parent_span_id':
      return [span.parentId ?? ''];
    default:
      return [String(span.end - span.start)];
  }
}

function ofTrace(field: FieldName, trace: MockTrace): string[] {
  switch (field) {
    case 'trace.duration':
      return [String(trace.duration)];
    case 'trace.spans':
      return [String(trace.rows.length)];
    case 'trace.errors':
      return [String(trace.rows.filter(({ status }) => status === 2).length)];
    case 'trace.orphans':
      return [String(trace.orphans)];
    case 'trace.services':
      return [...new Set(trace.rows.map(({ service }) => service))];
    case 'trace.root.service':
      return [trace.root.service];
    default:
      return [trace.root.name];
  }
}

function compares(text: string, op: Op, value: Value, field?: FieldName): boolean {
  if (op === '~') return new RegExp(value.text, 'u').test(text);
  const isDuration = field === 'duration' || field === 'trace.duration';
  if (isDuration) {
    const parsed = parseDuration(value.text);
    const bound = durationNs(value.text) ?? (parsed.ok ? parsed.ns : 0n);
    return ordered(BigInt(text), op, bound);
  }
  if (op === '=') {
    const [a, b] =
      field === 'kind' || field === 'status'
        ? [text, value.text.toLowerCase()]
        : field?.endsWith('_id')
          ? [text, value.text.toLowerCase().padStart(text.length, '0')]
          : [text, value.text];
    if (value.quoted || !b.includes('*')) return a === b;
    const parts = b.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`, 's').test(a);
  }
  if (text.trim() === '' || Number.isNaN(Number(text))) return false;
  return ordered(Number(text), op, Number(value.text.replace(/[a-z]+$/i, '')));
}

function ordered<T extends number | bigint>(a: T, op: Op, b: T): boolean {
  if (op === '=') return a === b;
  if (op === '<') return a < b;
  if (op === '<=') return a <= b;
  return op === '>' ? a > b : a >= b;
}
