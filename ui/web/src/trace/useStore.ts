// React components that show a part of a trace's store.

import { useCallback, useSyncExternalStore } from 'react';

import type { Topic, TraceStore } from './store';

/** What `read` takes from the store, renewed when one of `topics` changes. `read` must return the same for the same state. */
export function useStore<T>(
  store: TraceStore,
  topics: readonly Topic[],
  read: (store: TraceStore) => T,
): T {
  const key = topics.join();
  // oxlint-disable-next-line react-hooks/exhaustive-deps -- `key` stands for the topics
  const subscribe = useCallback((listener: () => void) => store.on(topics, listener), [store, key]);
  return useSyncExternalStore(subscribe, () => read(store));
}
