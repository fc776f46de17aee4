// Loads a trace for the page and keeps its store; rows show as they come in.

import { useCallback, useEffect, useRef, useState } from 'react';

import { askJson } from '../api/client';
import { findAnswer } from '../api/types';
import { loadSkeleton } from './loadSkeleton';
import type { Skeleton } from './skeleton';
import { TraceStore } from './store';
import { type Finder } from './finding';

/** A trace on its way, here, or not to be had. */
export type TraceState =
  | { phase: 'loading'; store?: undefined }
  | { phase: 'shown'; store: TraceStore; elapsedMs: number | undefined }
  | { phase: 'failed'; error: unknown; store?: undefined }
  | { phase: 'cancelled'; store?: undefined };

/** Reason of an abort by the reader. */
const CANCELLED = 'cancelled';

/** See the module. For another trace, or another try, the component is made anew. */
export function useTrace(traceId: string) {
  const [state, setState] = useState<TraceState>({ phase: 'loading' });
  const abort = useRef<AbortController>(undefined);

  useEffect(() => {
    const controller = new AbortController();
    abort.current = controller;
    const started = performance.now();
    let store: TraceStore | undefined;
    const finder: Finder = (q, signal) =>
      askJson(`traces/${encodeURIComponent(traceId)}/find`, findAnswer, { params: { q }, signal });
    const onRows = (skeleton: Skeleton) => {
      if (controller.signal.aborted) return;
      if (store) return store.rowsChanged(false);
      store = new TraceStore(skeleton, finder);
      setState({ phase: 'shown', store, elapsedMs: undefined });
    };
    const load = async () => {
      try {
        const skeleton = await loadSkeleton(traceId, controller.signal, onRows);
        store ??= new TraceStore(skeleton, finder);
        store.rowsChanged(true);
        setState({ phase: 'shown', store, elapsedMs: performance.now() - started });
      } catch (error) {
        if (controller.signal.reason === CANCELLED) setState({ phase: 'cancelled' });
        else if (!controller.signal.aborted) setState({ phase: 'failed', error });
      }
    };
    void load();
    return () => {
      controller.abort();
      store?.stopFinding();
    };
  }, [traceId]);

  const cancel = useCallback(() => abort.current?.abort(CANCELLED), []);
  return { state, cancel };
}
