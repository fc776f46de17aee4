// Zipkin v2 JSON for the stand-in, by the mapping rules of the OpenTelemetry specification as far as the pages see them.

import type { Attribute } from '../src/api/types';
import { mockSpan, type MockSpan } from './model';

interface ZipkinSpan {
  traceId: string;
  id: string;
  parentId?: string;
  name?: string;
  kind?: string;
  timestamp?: number;
  duration?: number;
  localEndpoint?: { serviceName?: string; ipv4?: string; port?: number };
  annotations?: { timestamp: number; value: string }[];
  tags?: Record<string, string>;
}

const KINDS: Record<string, number> = { SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 };

const text = (key: string, value: string): Attribute => ({ key, type: 'string', value });

/** Reads a list of Zipkin spans. */
export function fromZipkin(body: unknown): MockSpan[] {
  return (body as ZipkinSpan[]).map((span) => {
    const { tags = {}, localEndpoint = {}, timestamp = 0, duration = 0 } = span;
    const start = BigInt(timestamp) * 1000n;
    const service = localEndpoint.serviceName || 'unknown_service';
    const attributes = Object.entries(tags).map(([key, value]) => text(key, value));
    if (localEndpoint.ipv4) attributes.push(text('network.local.address', localEndpoint.ipv4));
    return mockSpan({
      traceId: span.traceId.padStart(32, '0'),
      spanId: span.id.padStart(16, '0'),
      parentId: span.parentId ? span.parentId.padStart(16, '0') : null,
      name: span.name ?? '',
      service,
      kind: KINDS[span.kind ?? ''] ?? 0,
      start,
      end: start + BigInt(duration) * 1000n,
      status: 'error' in tags ? 2 : 0,
      message: tags['error'] ?? '',
      attributes,
      events: (span.annotations ?? []).map(({ timestamp: time, value }) => ({
        time: BigInt(time) * 1000n,
        name: value,
        attributes: [],
      })),
    });
  });
}
