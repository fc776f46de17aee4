// OTLP JSON: an export request, or what a trace was downloaded as.

import { fileSpan, type FileSpan } from './spans';
import { id, object, objects, otlpAttribute, small, text, wide, type Json } from './values';
import type { Attribute } from '../api/types';

const KIND_WORDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const STATUS_WORDS = ['UNSET', 'OK', 'ERROR'];

/** An enum, sent as its number or its name. */
function word(value: unknown, prefix: string, words: readonly string[]): number {
  if (typeof value !== 'string') return small(value);
  const place = words.indexOf(value.replace(prefix, ''));
  return place === -1 ? small(value) : place;
}

const attributes = (owner: Json): Attribute[] => objects(owner['attributes']).map(otlpAttribute);

/** Spans of a document; ones without ids are counted instead. */
export function fromOtlp(body: Json): { spans: FileSpan[]; skipped: number } {
  const spans: FileSpan[] = [];
  let skipped = 0;
  for (const group of objects(body['resourceSpans'] ?? body['batches'])) {
    const resource = attributes(object(group['resource']));
    const scopes = group['scopeSpans'] ?? group['instrumentationLibrarySpans'];
    for (const part of objects(scopes)) {
      const scope = object(part['scope'] ?? part['instrumentationLibrary']);
      for (const json of objects(part['spans'])) {
        const span = spanOf(json, resource, scope);
        if (span) spans.push(span);
        else skipped++;
      }
    }
  }
  return { spans, skipped };
}

function spanOf(json: Json, resource: Attribute[], scope: Json): FileSpan | undefined {
  const traceId = id(json['traceId'], 32);
  const spanId = id(json['spanId'], 16);
  if (!traceId || !spanId) return undefined;
  const status = object(json['status']);
  const start = wide(json['startTimeUnixNano']);
  return fileSpan({
    traceId,
    spanId,
    parentId: id(json['parentSpanId'], 16) ?? null,
    name: text(json['name']),
    service: resource.find(({ key }) => key === 'service.name')?.value || 'unknown_service',
    kind: word(json['kind'], 'SPAN_KIND_', KIND_WORDS),
    start,
    end: wide(json['endTimeUnixNano']) || start,
    status: word(status['code'], 'STATUS_CODE_', STATUS_WORDS),
    message: text(status['message']),
    attributes: attributes(json),
    resource,
    scope: { name: text(scope['name']), version: text(scope['version']) },
    events: objects(json['events']).map((event) => ({
      time: wide(event['timeUnixNano']),
      name: text(event['name']),
      attributes: attributes(event),
    })),
    links: objects(json['links']).map((link) => ({
      traceId: id(link['traceId'], 32) ?? '',
      spanId: id(link['spanId'], 16) ?? '',
      attributes: attributes(link),
    })),
  });
}
