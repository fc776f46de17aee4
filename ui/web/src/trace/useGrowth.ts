// Looks again and again at a trace that may still grow, while its page is seen, until the reader stops it.

import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';

import { isLocal } from '../api/local';
import { nowNanos } from '../shell/now';
import { mayGrow, pauseMs } from './growth';
import { loadGrown } from './loadSkeleton';
import type { TraceStore } from './store';

/** `growing` while it is looked at again; `stopped` by the reader; `done` when nothing more is to be expected. */
export type Growth = 'growing' | 'stopped' | 'done';

/** See the module. */
export function useGrowth(store: TraceStore, complete: boolean) {
  const queries = useQueryClient();
  const { trace_id: traceId } = store.skeleton.head;
  const [growth, setGrowth] = useState<Growth>(() => growthOf(store));

  /** Brings what is new. Returns whether there was anything. */
  const look = useCallback(
    async (signal: AbortSignal): Promise<boolean> => {
      const next = await loadGrown(traceId, store.skeleton.head, signal);
      signal.throwIfAborted();
      if (!next) return false;
      store.grow(next);
      // What was fetched by the number of a row is of another span now.
      for (const key of ['span', 'otlp'])
        void queries.invalidateQueries({ queryKey: [key, traceId] });
      return true;
    },
    [store, traceId, queries],
  );

  useEffect(() => {
    if (growth !== 'growing' || !complete) return undefined;
    const abort = new AbortController();
    const { signal } = abort;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let idle = 0;
    let took = 0;
    const run = async (): Promise<void> => {
      const started = performance.now();
      try {
        idle = (await look(signal)) ? 0 : idle + 1;
        took = performance.now() - started;
      } catch {
        // A server that does not answer is asked again later, as any look that finds nothing.
        if (signal.aborted) return;
        idle++;
      }
      if (growthOf(store) === 'done') setGrowth('done');
      else plan();
    };
    const plan = (): void => {
      clearTimeout(timer);
      // A page that is not seen waits; it looks as soon as it is.
      if (!document.hidden && !signal.aborted)
        timer = setTimeout(() => void run(), pauseMs(idle, took));
    };
    const onVisible = (): void => {
      idle = 0;
      plan();
    };
    document.addEventListener('visibilitychange', onVisible, { signal });
    plan();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [growth, complete, look, store]);

  return {
    growth,
    stop: useCallback(() => setGrowth('stopped'), []),
    resume: useCallback(() => setGrowth('growing'), []),
  };
}

function growthOf({ skeleton: { head } }: TraceStore): Growth {
  return !isLocal(head.trace_id) && mayGrow(head, nowNanos()) ? 'growing' : 'done';
}
