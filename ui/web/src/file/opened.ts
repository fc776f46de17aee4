// The files that are open, for as long as the page is.

import { useSyncExternalStore } from 'react';

import { openFiles, type Opened } from './open';

/** What became of the last opening. */
export type OpenState =
  | { phase: 'none' }
  | { phase: 'reading'; names: string[] }
  | { phase: 'open'; opened: Opened }
  | { phase: 'failed'; message: string };

let state: OpenState = { phase: 'none' };
const listeners = new Set<() => void>();

function set(next: OpenState): void {
  state = next;
  for (const listener of listeners) listener();
}

/** Opens files; the ones before are closed. */
export async function open(files: readonly File[]): Promise<OpenState> {
  if (files.length === 0) return state;
  set({ phase: 'reading', names: files.map(({ name }) => name) });
  try {
    set({ phase: 'open', opened: await openFiles(files) });
  } catch (cause) {
    set({ phase: 'failed', message: cause instanceof Error ? cause.message : String(cause) });
  }
  return state;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The state, for components. */
export function useOpened(): OpenState {
  return useSyncExternalStore(subscribe, () => state);
}
