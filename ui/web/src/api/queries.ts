// Every question the pages ask, as options for TanStack Query: key, request, how long the answer holds.

import { queryOptions } from '@tanstack/react-query';

import { askJson, type Params } from './client';
import type { Shape } from './shape';
import {
  operationsAnswer,
  searchAnswer,
  servicesAnswer,
  spanDetail,
  status,
  type SpanDetail,
} from './types';

/** A search as the server understands it, without its range. */
export interface SearchRequest extends Params {
  service?: string;
  operation?: string;
  tags?: string;
  min_duration_ns?: string;
  max_duration_ns?: string;
  limit?: string;
  cursor?: string;
}

/** The ends of the range, worked out when the request is sent: `now-1h` moves. */
export type RangeParams = () => { start?: string; end?: string };

/** Traces that match. */
export const searchQuery = (request: SearchRequest, range: RangeParams, rangeKey: string) =>
  queryOptions({
    queryKey: ['search', request, rangeKey] as const,
    queryFn: ({ signal }) =>
      askJson('search', searchAnswer, { params: { ...request, ...range() }, signal }),
  });

/** Names of all services. */
export const servicesQuery = () =>
  queryOptions({
    queryKey: ['services'] as const,
    queryFn: ({ signal }) => askJson('services', servicesAnswer, { signal }),
    staleTime: 15_000,
  });

/** Span names of one service; without one nothing is asked. */
export const operationsQuery = (service: string | undefined) =>
  queryOptions({
    queryKey: ['operations', service ?? ''] as const,
    queryFn: ({ signal }) =>
      askJson('operations', operationsAnswer, { params: { service }, signal }),
    staleTime: 15_000,
    enabled: service !== undefined,
  });

/** A span, read and as it came. */
export interface SpanAnswer {
  detail: SpanDetail;
  raw: unknown;
}

/** Reads a span and keeps the answer as it came beside it. */
const spanAnswer: Shape<SpanAnswer> = (value, at) => ({
  detail: spanDetail(value, at),
  raw: value,
});

/** One span of a trace with everything it carries. */
export const spanQuery = (traceId: string, row: number) =>
  queryOptions({
    queryKey: ['span', traceId, row] as const,
    queryFn: ({ signal }) =>
      askJson(`traces/${encodeURIComponent(traceId)}/spans/${row}`, spanAnswer, { signal }),
    staleTime: 60_000,
    structuralSharing: false,
  });

/** Figures of the store. */
export const statusQuery = () =>
  queryOptions({
    queryKey: ['status'] as const,
    queryFn: ({ signal }) => askJson('status', status, { signal }),
  });
