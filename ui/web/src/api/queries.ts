// Every question the pages ask, as options for TanStack Query: key, request, how long the answer holds.

import { queryOptions } from '@tanstack/react-query';

import { askJson, type Params } from './client';
import type { Shape } from './shape';
import {
  explainAnswer,
  facetsAnswer,
  heatmapAnswer,
  keysAnswer,
  operationsAnswer,
  searchAnswer,
  servicesAnswer,
  spanDetail,
  status,
  valuesAnswer,
  type SpanDetail,
} from './types';

/** Which traces are asked for, as the server understands it. */
export interface Selection extends Params {
  q?: string;
  /** Ends of the time range, ns since the epoch. */
  start?: string;
  end?: string;
  /** The same for the start of the whole trace. */
  trace_start?: string;
  trace_end?: string;
}

/** A page of a search. */
export interface SearchRequest extends Selection {
  order?: string;
  limit?: string;
  cursor?: string;
  /** `bound` answers as soon as the page is known, with a lower bound of the total. */
  total?: string;
}

/** What only depends on the data is asked again when it is shown again after so long, ms. */
const FRESH_MS = 15_000;

/** Traces that match. */
export const searchQuery = (request: SearchRequest) =>
  queryOptions({
    queryKey: ['search', 'page', request] as const,
    queryFn: ({ signal }) => askJson('search', searchAnswer, { params: request, signal }),
  });

/** What matches, by time and duration. */
export const heatmapQuery = (
  request: Selection & { unit: string; columns: string; rows: string },
) =>
  queryOptions({
    queryKey: ['search', 'heatmap', request] as const,
    queryFn: ({ signal }) => askJson('heatmap', heatmapAnswer, { params: request, signal }),
    structuralSharing: false,
  });

/** What matches, by value. */
export const facetsQuery = (request: Selection & { key: readonly string[]; values: string }) =>
  queryOptions({
    queryKey: ['search', 'facets', request] as const,
    queryFn: ({ signal }) => askJson('facets', facetsAnswer, { params: request, signal }),
  });

/** Why nothing matches. */
export const explainQuery = (request: Selection) =>
  queryOptions({
    queryKey: ['search', 'explain', request] as const,
    queryFn: ({ signal }) => askJson('explain', explainAnswer, { params: request, signal }),
  });

/** Keys of attributes that contain a text. */
export const keysQuery = (prefix: string, range: Pick<Selection, 'start' | 'end'>, limit = 12) =>
  queryOptions({
    queryKey: ['keys', prefix, range, limit] as const,
    queryFn: ({ signal }) =>
      askJson('keys', keysAnswer, { params: { prefix, ...range, limit: String(limit) }, signal }),
    staleTime: FRESH_MS,
  });

/** Values of a key that contain a text; nothing is asked without a key. */
export const valuesQuery = (
  key: string | undefined,
  level: string | undefined,
  prefix: string,
  range: Pick<Selection, 'start' | 'end'>,
) =>
  queryOptions({
    queryKey: ['values', key ?? '', level ?? '', prefix, range] as const,
    queryFn: ({ signal }) =>
      askJson('values', valuesAnswer, {
        params: { key, level, prefix, ...range, limit: '12' },
        signal,
      }),
    staleTime: FRESH_MS,
    enabled: key !== undefined,
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
