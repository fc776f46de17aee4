// `GET /api/dependencies`: which service calls which, as Jaeger's clients ask for it.

import { queryOptions } from '@tanstack/react-query';

import type { Nanos } from '../lib/zone';
import { askJson } from './client';
import { list, number, record, text } from './shape';

const answer = record({
  data: list(record({ parent: text, child: text, callCount: number })),
});

/** Calls from one service to another. */
export interface Call {
  caller: string;
  callee: string;
  calls: number;
}

/** Names of all services that call or are called. */
export function servicesOfCalls(calls: readonly Call[]): string[] {
  return [...new Set(calls.flatMap(({ caller, callee }) => [caller, callee]))].sort();
}

/** First word of the keys of these questions. */
export const DEPENDENCIES = 'dependencies';

/** The calls that start between two instants. */
export const dependenciesQuery = (from: Nanos, to: Nanos) =>
  queryOptions({
    queryKey: [DEPENDENCIES, String(from), String(to)] as const,
    queryFn: async ({ signal }): Promise<Call[]> => {
      const end = (to + 999_999n) / 1_000_000n;
      const params = { endTs: String(end), lookback: String(end - from / 1_000_000n) };
      const { data } = await askJson('dependencies', answer, { api: 'api', params, signal });
      return data.map(({ parent, child, callCount }) => ({
        caller: parent,
        callee: child,
        calls: callCount,
      }));
    },
    staleTime: 30_000,
  });
