// The whole trace as OTLP JSON. Fetched when a view wants it; a large one only when the reader says so.

import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { ask } from '../api/client';

/** Spans up to which the text is fetched unasked: some 20 MB. */
export const UNASKED_MAX = 20_000;

/** See the module. `wait` is true until the reader has agreed to a large one; `go` agrees. */
export function useOtlp(traceId: string, spans: number) {
  const [agreed, setAgreed] = useState(false);
  const wait = spans > UNASKED_MAX && !agreed;
  const query = useQuery({
    queryKey: ['otlp', traceId] as const,
    queryFn: async ({ signal }) => {
      const response = await ask(`traces/${encodeURIComponent(traceId)}/otlp`, { signal });
      return response.text();
    },
    enabled: !wait,
    // The text may be large: it goes when no view shows it.
    gcTime: 10_000,
    staleTime: 60_000,
    structuralSharing: false,
  });
  return { query, wait: wait && !query.data, go: () => setAgreed(true) };
}
