// Which pairs are shown. Alike subtrees fold, together with alike siblings next to them, into one row; so does a subtree
// that only one trace has. A folded row opens, and any row with children can be shut.

import type { Comparison } from './comparison';
import { ALIKE, DIFFERENT } from './comparison';

/** One row of the table. */
export interface Shown {
  /** The pair, or the first of a folded run. */
  pair: number;
  /** Pairs that the row stands for; 1 when it is only itself. */
  pairs: number;
  /** Siblings in a folded run. */
  siblings: number;
  /** True while a fold hides pairs that opening would show. */
  folded: boolean;
  /** True when it has children that are hidden because it was shut. */
  shut: boolean;
}

/** What the reader has opened and shut, by pair. */
export interface Folds {
  /** Fold at all. */
  fold: boolean;
  opened: ReadonlySet<number>;
  shut: ReadonlySet<number>;
}

/** Rows in order. */
export function visibleRows(comparison: Comparison, { fold, opened, shut }: Folds): Shown[] {
  const { alignment, state, alikeBelow } = comparison;
  const { count, subtreeSize, parent } = alignment;
  const size = (pair: number): number => subtreeSize[pair] as number;
  const rows: Shown[] = [];
  /** Pairs before this one are shown whatever folds: they lie within a fold that was opened. */
  let openUntil = 0;
  for (let pair = 0; pair < count;) {
    const canFold = fold && pair >= openUntil;
    const isAlike = canFold && alikeBelow[pair] === 1;
    const isLone = canFold && state[pair] !== ALIKE && state[pair] !== DIFFERENT;
    if (isAlike || isLone) {
      let end = pair + size(pair);
      let siblings = 1;
      // Only whole siblings: a run ends where its parent does.
      const goesOn = (next: number): boolean =>
        isAlike && next < count && alikeBelow[next] === 1 && parent[next] === parent[pair];
      while (goesOn(end)) {
        end += size(end);
        siblings++;
      }
      if (end - pair > 1 && !opened.has(pair)) {
        rows.push({ pair, pairs: end - pair, siblings, folded: true, shut: false });
        pair = end;
        continue;
      }
      openUntil = end;
    }
    const isShut = size(pair) > 1 && shut.has(pair);
    rows.push({ pair, pairs: 1, siblings: 1, folded: false, shut: isShut });
    pair += isShut ? size(pair) : 1;
  }
  return rows;
}

/** Place of the row that shows `pair`, itself or within a fold. */
export function placeOf(rows: readonly Shown[], pair: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((rows[middle] as Shown).pair <= pair) low = middle;
    else high = middle - 1;
  }
  return low;
}
