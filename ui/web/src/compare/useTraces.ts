// Loads both traces of a comparison at once.

import { useCallback, useEffect, useRef, useState } from 'react';

import { loadSkeleton } from '../trace/loadSkeleton';
import type { Skeleton } from '../trace/skeleton';

/** A trace that could not be loaded. */
export interface Failure {
  side: 'a' | 'b';
  error: unknown;
}

/** See the module. */
export type TracesState =
  | { phase: 'loading' }
  | { phase: 'shown'; a: Skeleton; b: Skeleton; elapsedMs: number }
  | { phase: 'failed'; failures: Failure[] }
  | { phase: 'cancelled' };

const CANCELLED = 'cancelled';

/** See the module. For other traces, or another try, the component is made anew. */
export function useTraces(a: string, b: string) {
  const [state, setState] = useState<TracesState>({ phase: 'loading' });
  const abort = useRef<AbortController>(undefined);
  useEffect(() => {
    const controller = new AbortController();
    abort.current = controller;
    const started = performance.now();
    const load = async () => {
      const [first, second] = await Promise.allSettled(
        [a, b].map((id) => loadSkeleton(id, controller.signal, () => undefined)),
      );
      if (controller.signal.reason === CANCELLED) return setState({ phase: 'cancelled' });
      if (controller.signal.aborted || !first || !second) return undefined;
      if (first.status === 'fulfilled' && second.status === 'fulfilled') {
        const elapsedMs = performance.now() - started;
        return setState({ phase: 'shown', a: first.value, b: second.value, elapsedMs });
      }
      const failures: Failure[] = [];
      if (first.status === 'rejected') failures.push({ side: 'a', error: first.reason });
      if (second.status === 'rejected') failures.push({ side: 'b', error: second.reason });
      return setState({ phase: 'failed', failures });
    };
    void load();
    return () => controller.abort();
  }, [a, b]);
  const cancel = useCallback(() => abort.current?.abort(CANCELLED), []);
  return { state, cancel };
}
