// Statements that were run in this browser, newest first.

/** One statement. */
export interface Entry {
  text: string;
  /** When it was last run, ms since the epoch. */
  at: number;
}

const KEY = 'clew.sqlHistory';

/** Statements kept. */
export const KEPT_MAX = 50;

/** Longest statement kept; the server takes no longer one. */
const TEXT_MAX = 65_536;

function isEntry(value: unknown): value is Entry {
  const entry = value as Entry | null;
  return typeof entry?.text === 'string' && typeof entry.at === 'number';
}

/** The statements; none when the storage is closed or spoilt. */
export function readHistory(): Entry[] {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(parsed) ? parsed.filter(isEntry).slice(0, KEPT_MAX) : [];
  } catch {
    return [];
  }
}

/** `entries` with `text` on top; the same statement stands once. */
export function withEntry(entries: readonly Entry[], text: string, at: number): Entry[] {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.length > TEXT_MAX) return [...entries];
  const others = entries.filter((entry) => entry.text !== trimmed);
  return [{ text: trimmed, at }, ...others].slice(0, KEPT_MAX);
}

/** Keeps `entries`. */
export function writeHistory(entries: readonly Entry[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(entries));
  } catch {
    // Full or closed: the history ends with the page.
  }
}
