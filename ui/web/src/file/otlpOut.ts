// Spans as OTLP JSON.

import type { Attribute } from '../api/types';
import type { FileSpan } from './spans';

type Json = Record<string, unknown>;

const VALUES: Record<Attribute['type'], string> = {
  string: 'stringValue',
  bool: 'boolValue',
  int: 'intValue',
  double: 'doubleValue',
  bytes: 'bytesValue',
  array: 'stringValue',
  map: 'stringValue',
  empty: 'stringValue',
};

const toAttributes = (given: readonly Attribute[]): Json[] =>
  given.map(({ key, type, value }) => ({ key, value: { [VALUES[type]]: value } }));

/** Writes spans as an `ExportTraceServiceRequest`, each in a resource of its own. */
export function toOtlp(spans: readonly FileSpan[]): Json {
  return {
    resourceSpans: spans.map((each) => {
      const named = each.resource.some(({ key }) => key === 'service.name');
      const service: Attribute = { key: 'service.name', type: 'string', value: each.service };
      return {
        resource: {
          attributes: toAttributes(named ? each.resource : [service, ...each.resource]),
        },
        scopeSpans: [{ scope: {}, spans: [toSpan(each)] }],
      };
    }),
  };
}

function toSpan(each: FileSpan): Json {
  return {
    traceId: each.traceId,
    spanId: each.spanId,
    parentSpanId: each.parentId ?? '',
    name: each.name,
    kind: each.kind,
    startTimeUnixNano: each.start.toString(),
    endTimeUnixNano: each.end.toString(),
    attributes: toAttributes(each.attributes),
    events: each.events.map(({ time, name, attributes: own }) => ({
      timeUnixNano: time.toString(),
      name,
      attributes: toAttributes(own),
    })),
    links: each.links.map((link) => ({
      traceId: link.traceId,
      spanId: link.spanId,
      attributes: toAttributes(link.attributes),
    })),
    status: { code: each.status, message: each.message },
  };
}
