// Keyboard shortcuts. A page gives its keys while it is shown; nothing fires while someone types or a dialog is open.

import { useEffect, useRef } from 'react';

import { preferences } from './preferences';

/** What each key does, by `event.key`; two keys in a row are written `g e`. Return false to let the key through. */
export type Shortcuts = Record<string, (event: KeyboardEvent) => void | false>;

/** The first key of every pair. */
const FIRST = 'g';

/** How long the second key of a pair may take, ms. */
const PAIR_MS = 1200;

/** True when the key belongs to a field or a dialog. */
export function isTyping(target: EventTarget | null): boolean {
  if (document.querySelector('dialog[open]')) return true;
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches('input, textarea, select');
}

/** Listens for `shortcuts` while the component is shown. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    let firstAt = Number.NEGATIVE_INFINITY;
    const onKey = (event: KeyboardEvent) => {
      // The first of the path: a field inside a shadow tree is hidden behind its host otherwise.
      if (
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        isTyping(event.composedPath()[0] ?? null)
      )
        return;
      if (event.key.length === 1 && !preferences().singleKeys) return;
      // The second key of a pair is that and nothing else, also where another listener has the pair.
      const isSecond = event.timeStamp - firstAt < PAIR_MS;
      const run = latest.current[isSecond ? `${FIRST} ${event.key}` : event.key];
      firstAt = event.key === FIRST ? event.timeStamp : Number.NEGATIVE_INFINITY;
      if (run && run(event) !== false) event.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}
