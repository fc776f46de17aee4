// Zipkin v2 JSON: an array of spans, or of arrays of spans. Times are microseconds.

import { fileSpan, type FileSpan } from './spans';
import { id, object, objects, text, wide, type Json } from './values';
import type { Attribute } from '../api/types';

const KINDS: Record<string, number> = { SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 };

const string = (key: string, value: string): Attribute => ({ key, type: 'string', value });

/** True for a list that Zipkin could have written. */
export function isZipkin(list: readonly unknown[]): boolean {
  const [first] = list.flat();
  const span = object(first);
  return 'traceId' in span && 'id' in span;
}

/** Spans of a list; ones without ids are counted instead. */
export function fromZipkin(list: readonly unknown[]): { spans: FileSpan[]; skipped: number } {
  const spans: FileSpan[] = [];
  let skipped = 0;
  for (const json of objects(list.flat())) {
    const span = spanOf(json);
    if (span) spans.push(span);
    else skipped++;
  }
  return { spans, skipped };
}

function spanOf(json: Json): FileSpan | undefined {
  const traceId = id(json['traceId'], 32);
  const spanId = id(json['id'], 16);
  if (!traceId || !spanId) return undefined;
  const tags = object(json['tags']);
  const local = object(json['localEndpoint']);
  const remote = object(json['remoteEndpoint']);
  const service = text(local['serviceName']) || 'unknown_service';
  const start = wide(json['timestamp']) * 1000n;
  const attributes = Object.entries(tags).map(([key, value]) => string(key, text(value)));
  const peer = text(remote['serviceName']);
  if (peer) attributes.push(string('peer.service', peer));
  return fileSpan({
    traceId,
    spanId,
    parentId: id(json['parentId'], 16) ?? null,
    name: text(json['name']),
    service,
    kind: KINDS[text(json['kind'])] ?? 0,
    start,
    end: start + wide(json['duration']) * 1000n,
    status: 'error' in tags ? 2 : 0,
    message: text(tags['error']),
    attributes,
    events: objects(json['annotations']).map((annotation) => ({
      time: wide(annotation['timestamp']) * 1000n,
      name: text(annotation['value']),
      attributes: [],
    })),
  });
}
