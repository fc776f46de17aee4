// The server's status and counters, asked for again and again while the page is shown.

import { queryOptions, useQuery } from '@tanstack/react-query';

import { ask } from '../api/client';
import { statusQuery } from '../api/queries';
import { countersOf } from './ingest';
import { parseMetrics, type Metrics } from './metrics';
import { withReading, type Reading } from './rates';

/** Time between two readings, ms. */
export const EVERY_MS = 2000;

/** Counters of now, and the readings before them: kept with the answer, so that they outlive the page for a while. */
export interface Counted {
  metrics: Metrics;
  readings: readonly Reading[];
}

const KEY = ['metrics'] as const;

const metricsQuery = () =>
  queryOptions({
    queryKey: KEY,
    queryFn: async ({ signal, client }): Promise<Counted> => {
      const response = await ask('metrics', { api: '.', accept: 'text/plain', signal });
      const metrics = parseMetrics(await response.text());
      const before = client.getQueryData<Counted>(KEY)?.readings ?? [];
      const reading = { at: Date.now(), counters: countersOf(metrics) };
      return { metrics, readings: withReading(before, reading) };
    },
    structuralSharing: false,
  });

/** See the module. */
export function useStatus() {
  const status = useQuery({ ...statusQuery(), refetchInterval: EVERY_MS });
  const counted = useQuery({ ...metricsQuery(), refetchInterval: EVERY_MS });
  return { status, counted };
}
