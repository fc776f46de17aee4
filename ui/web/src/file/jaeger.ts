// Jaeger JSON, as its query API and its UI write it. Times are microseconds.

import type { Attribute } from '../api/types';
import { fileSpan, type FileSpan } from './spans';
import { id, object, objects, plainAttribute, text, wide, type Json } from './values';

const KINDS: Record<string, number> = {
  internal: 1,
  server: 2,
  client: 3,
  producer: 4,
  consumer: 5,
};

function tag(json: Json): Attribute {
  const key = text(json['key']);
  const value = json['value'];
  switch (json['type']) {
    case 'bool':
      return { key, type: 'bool', value: String(value === true || value === 'true') };
    case 'int64':
      return { key, type: 'int', value: wide(value).toString() };
    case 'float64':
      return { key, type: 'double', value: text(value) };
    case 'binary':
      return { key, type: 'bytes', value: text(value) };
    default:
      return plainAttribute(key, value);
  }
}

const tags = (value: unknown): Attribute[] => objects(value).map(tag);

/** Time in ns; fractions of a microsecond are kept. */
function micros(value: unknown): bigint {
  if (typeof value === 'number' && !Number.isInteger(value))
    return BigInt(Math.round(value * 1000));
  return wide(value) * 1000n;
}

/** True for a document of Jaeger's. */
export function isJaeger(body: Json): boolean {
  const [first] = objects(body['data']);
  return 'traceID' in body || (first !== undefined && ('traceID' in first || 'spans' in first));
}

/** Spans of a document; ones without ids are counted instead. */
export function fromJaeger(body: Json): { spans: FileSpan[]; skipped: number } {
  const traces = 'data' in body ? objects(body['data']) : [body];
  const spans: FileSpan[] = [];
  let skipped = 0;
  for (const trace of traces) {
    const processes = object(trace['processes']);
    for (const json of objects(trace['spans'])) {
      const span = spanOf(json, processes, trace);
      if (span) spans.push(span);
      else skipped++;
    }
  }
  return { spans, skipped };
}

function spanOf(json: Json, processes: Json, trace: Json): FileSpan | undefined {
  const traceId = id(json['traceID'] ?? trace['traceID'], 32);
  const spanId = id(json['spanID'], 16);
  if (!traceId || !spanId) return undefined;
  const process = object(json['process'] ?? processes[text(json['processID'])]);
  const service = text(process['serviceName']) || 'unknown_service';
  const own = tags(json['tags']);
  const read = (key: string): string => own.find((one) => one.key === key)?.value ?? '';
  const start = micros(json['startTime']);
  const failed = read('error') === 'true' || read('otel.status_code').toUpperCase() === 'ERROR';
  const references = objects(json['references']);
  const isParent = (ref: Json): boolean =>
    ref['refType'] === 'CHILD_OF' && id(ref['traceID'], 32) === traceId;
  const parent =
    references.find(isParent) ?? references.find((ref) => id(ref['traceID'], 32) === traceId);
  return fileSpan({
    traceId,
    spanId,
    parentId: id(parent?.['spanID'] ?? json['parentSpanID'], 16) ?? null,
    name: text(json['operationName']),
    service,
    kind: KINDS[read('span.kind')] ?? 0,
    start,
    end: start + micros(json['duration']),
    status: failed ? 2 : read('otel.status_code').toUpperCase() === 'OK' ? 1 : 0,
    message: read('otel.status_description'),
    attributes: own,
    resource: [{ key: 'service.name', type: 'string', value: service }, ...tags(process['tags'])],
    scope: {
      name: read('otel.scope.name') || read('otel.library.name'),
      version: read('otel.scope.version') || read('otel.library.version'),
    },
    events: objects(json['logs']).map((log) => {
      const fields = tags(log['fields']);
      const name = fields.find(({ key }) => key === 'event' || key === 'message')?.value ?? 'log';
      return { time: micros(log['timestamp']), name, attributes: fields };
    }),
    links: references
      .filter((ref) => ref !== parent)
      .map((ref) => ({
        traceId: id(ref['traceID'], 32) ?? '',
        spanId: id(ref['spanID'], 16) ?? '',
        attributes: [],
      })),
  });
}
