// OTLP JSON for the stand-in.

import type { Attribute } from '../src/api/types';
import { mockSpan, type MockSpan } from './model';

type Json = Record<string, unknown>;

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);

function attribute(entry: Json): Attribute {
  const value = (entry['value'] ?? {}) as Json;
  const key = String(entry['key']);
  const [kind, content] = Object.entries(value)[0] ?? ['', ''];
  switch (kind) {
    case 'stringValue':
      return { key, type: 'string', value: String(content) };
    case 'boolValue':
      return { key, type: 'bool', value: String(content) };
    case 'intValue':
      return { key, type: 'int', value: String(content) };
    case 'doubleValue':
      return { key, type: 'double', value: String(content) };
    case 'bytesValue':
      return { key, type: 'bytes', value: String(content) };
    case 'arrayValue':
      return {
        key,
        type: 'array',
        value: JSON.stringify(
          list((content as Json)['values']).map((item) => attribute({ key, value: item }).value),
        ),
      };
    default:
      return { key, type: 'empty', value: '' };
  }
}

const attributes = (owner: Json | undefined): Attribute[] =>
  list(owner?.['attributes']).map(attribute);
const nanos = (value: unknown): bigint => BigInt(String(value ?? 0));

function span(json: Json, resource: Attribute[]): MockSpan {
  const status = (json['status'] ?? {}) as Json;
  return mockSpan({
    traceId: String(json['traceId']),
    spanId: String(json['spanId']),
    parentId: json['parentSpanId'] ? String(json['parentSpanId']) : null,
    name: String(json['name'] ?? ''),
    service: resource.find(({ key }) => key === 'service.name')?.value || 'unknown_service',
    kind: Number(json['kind'] ?? 0),
    start: nanos(json['startTimeUnixNano']),
    end: nanos(json['endTimeUnixNano']),
    status: Number(status['code'] ?? 0),
    message: String(status['message'] ?? ''),
    attributes: attributes(json),
    resource,
    events: list(json['events']).map((event) => ({
      time: nanos(event['timeUnixNano']),
      name: String(event['name'] ?? ''),
      attributes: attributes(event),
    })),
    links: list(json['links']).map((link) => ({
      traceId: String(link['traceId']),
      spanId: String(link['spanId']),
      attributes: attributes(link),
    })),
  });
}

/** Reads an `ExportTraceServiceRequest`. */
export function fromOtlp(body: unknown): MockSpan[] {
  return list((body as Json)['resourceSpans']).flatMap((group) => {
    const resource = attributes(group['resource'] as Json | undefined);
    return list(group['scopeSpans']).flatMap((scope) =>
      list(scope['spans']).map((json) => span(json, resource)),
    );
  });
}

export { toOtlp } from '../src/file/otlpOut';
