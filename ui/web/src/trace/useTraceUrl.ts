// Keeps a trace's store and the URL the same. Moving the cursor replaces the history entry; opening the span panel,
// another view or a group makes one, so that going back undoes it.

import { useNavigate, useRouter, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useRef } from 'react';

import type { TraceSearch } from '../shell/search';
import type { TraceStore } from './store';
import { applySearch, searchOf } from './storeUrl';

/** Pause before a change is written: browsers refuse more than a few a second. */
const WRITE_MS = 180;

/** What the store says in the URL. */
const KEYS = [
  'span',
  'find',
  'only',
  'range',
  'cp',
  'gaps',
  'fold',
  'hide',
  'view',
  'group',
  'pick',
  'sort',
] as const;

function isSame(a: TraceSearch, b: TraceSearch): boolean {
  return KEYS.every((key) => a[key] === b[key]);
}

/** See the module. Returns what closes the panel. */
export function useTraceUrl(store: TraceStore): () => void {
  const search = useSearch({ from: '/trace/$traceId' });
  const navigate = useNavigate({ from: '/trace/$traceId' });
  const router = useRouter();
  /** What the URL says, as far as this hook knows: its own writes come back late. */
  const known = useRef<TraceSearch>(undefined);
  /** True while the entry of the panel is being left: the rest of the state is to stay. */
  const isClosing = useRef(false);

  const write = useCallback(() => {
    const next = searchOf(store);
    const present = known.current ?? {};
    if (isClosing.current || isSame(next, present)) return;
    known.current = next;
    const opensPanel = next.span !== undefined && present.span === undefined;
    const { tz } = router.state.location.search as TraceSearch;
    const leads = opensPanel || next.view !== present.view || next.pick !== present.pick;
    void navigate({
      search: tz ? { ...next, tz } : next,
      replace: !leads,
      state: (state) => ({ ...state, panel: opensPanel || (!leads && (state.panel ?? false)) }),
    });
  }, [store, navigate, router]);

  useEffect(() => {
    if (known.current && isSame(known.current, search)) return;
    known.current = search;
    if (isClosing.current) {
      isClosing.current = false;
      write();
    } else {
      applySearch(store, search);
    }
  }, [store, search, write]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const off = store.on(['cursor', 'panel', 'range', 'find', 'options'], () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        write();
      }, WRITE_MS);
    });
    return () => {
      off();
      clearTimeout(timer);
    };
  }, [store, write]);

  return useCallback(() => {
    if (!store.panelOpen) return;
    store.setPanel(false);
    if (!router.state.location.state.panel || known.current?.span === undefined) return;
    // The entry was made by opening the panel: leave it the way it came.
    isClosing.current = true;
    router.history.back();
  }, [store, router]);
}
