// What is looked for in a trace: matches in names at once, those of the server a moment later, and which of them is the
// present one.

import type { FindAnswer } from '../api/types';
import { findRows, firstFrom, looksLikeQuery, placeOf } from './find';
import type { Skeleton } from './skeleton';

/** What is looked for, and what was found. */
export interface Find {
  text: string;
  /** Rows, from the top. */
  matches: Uint32Array;
  /** Place of the present match in `matches`, or -1. */
  at: number;
  /** What the matches are: names only, while the server looks through everything; its answer; or names, for want of one. */
  state: 'asking' | 'answered' | 'failed';
  /** How the text was read, once that is known. */
  readAs?: 'query' | 'text';
  /** Why it is no query, where it looks like one; why there is no whole answer. */
  note?: string | undefined;
}

/** Looks for a text over everything that the spans of the trace carry. */
export type Finder = (text: string, signal: AbortSignal) => Promise<FindAnswer>;

/** Pause before the server is asked: a word is typed letter by letter. */
const FIND_MS = 120;

const NO_FIND: Find = { text: '', matches: new Uint32Array(0), at: -1, state: 'answered' };

/** See the module. */
export class Finding {
  find: Find = NO_FIND;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private abort: AbortController | undefined;
  /** Row of the present match, or -1. */
  private row = -1;

  constructor(
    private readonly skeleton: Skeleton,
    private readonly finder: Finder | undefined,
    /** Told when other spans match, or more is known of them. */
    private readonly onChange: () => void,
  ) {}

  /** Looks for `text`; the server is asked when `mayAsk` is true and there is one. */
  look(text: string, mayAsk: boolean): void {
    this.stop();
    const { finder } = this;
    if (text.trim() === '') {
      this.find = NO_FIND;
    } else {
      // What is written like a query is no text to be found in a name.
      const matches = looksLikeQuery(text) ? new Uint32Array(0) : findRows(this.skeleton, text);
      this.find = { text, matches, at: -1, state: finder ? 'asking' : 'answered' };
      if (finder && mayAsk) this.timer = setTimeout(() => void this.ask(finder, text), FIND_MS);
    }
    this.onChange();
  }

  /** Rows went elsewhere, as `went` says: what matched still does, until the answer for the rows that are now is here. */
  rowsMoved(went: Int32Array): void {
    this.stop();
    const { finder } = this;
    const { text } = this.find;
    const matches = this.find.matches
      .map((row) => (went[row] as number) + 1)
      .filter((place) => place > 0)
      .map((place) => place - 1)
      .sort();
    this.row = this.row === -1 ? -1 : (went[this.row] ?? -1);
    const at = this.find.at === -1 ? -1 : placeOf(matches, this.row);
    this.find = { ...this.find, matches, at };
    if (finder) this.timer = setTimeout(() => void this.ask(finder, text), FIND_MS);
    this.onChange();
  }

  /** Forgets a question that is on its way. */
  stop(): void {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = undefined;
  }

  private async ask(finder: Finder, text: string): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    try {
      const { rows, read_as: readAs, syntax, coverage } = await finder(text, abort.signal);
      if (abort.signal.aborted) return;
      const matches = rows.subarray(0, firstFrom(rows, this.skeleton.count));
      const note = looksLikeQuery(text) && syntax ? syntax.message : coverage.reasons[0];
      const at = this.find.at === -1 ? -1 : placeOf(matches, this.row);
      this.find = { text, matches, at, state: 'answered', readAs, note };
    } catch (cause) {
      if (abort.signal.aborted) return;
      const note = cause instanceof Error ? cause.message : String(cause);
      this.find = { ...this.find, state: 'failed', note };
    }
    this.onChange();
  }

  /** Makes the match next to `cursor` the present one, going round at the end. Returns its row, if there is one. */
  step(by: 1 | -1, cursor: number): number | undefined {
    const { matches, at } = this.find;
    if (matches.length === 0) return undefined;
    let next: number;
    if (at !== -1 && matches[at] === cursor) next = at + by;
    else if (by === 1) next = firstFrom(matches, cursor + (at === -1 ? 0 : 1));
    else next = firstFrom(matches, cursor) - 1;
    next = (next + matches.length) % matches.length;
    this.find = { ...this.find, at: next };
    return (this.row = matches[next] as number);
  }
}
