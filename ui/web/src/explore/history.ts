// The queries that this browser has run, the newest first.

const KEY = 'clew.queries';
const KEPT = 50;

/** All of them. */
export function history(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter((text) => typeof text === 'string') : [];
  } catch {
    return [];
  }
}

/** Puts a query at the front. */
export function remember(q: string): void {
  if (q.trim() === '') return;
  const kept = [q, ...history().filter((other) => other !== q)].slice(0, KEPT);
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Storage is closed to this page: nothing is remembered.
  }
}
