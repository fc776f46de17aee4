// Which rows of a skeleton are shown: all but those under a collapsed one, those that a folded row stands for, those
// of services that are switched off, and, where only matches are wanted, the others. Positions count shown rows from the top.
//
// A span that is left out so stays where something below it is shown: it keeps the place ("context").

import { Folds } from './folds';
import type { Skeleton } from './skeleton';

/** See the module. */
export class VisibleRows {
  /** Shown rows, from the top; only the first `count` places count. */
  rows = new Uint32Array(0);
  /** Shown rows. */
  count = 0;
  /** Runs of alike siblings. */
  readonly folds: Folds;
  /** True while runs are shown as one row, except those that were opened. */
  folding = false;
  /** Services that are switched off, by number; undefined for none. */
  hidden: Uint8Array | undefined;
  /** Rows that are not shown because of their service, or because they do not match. */
  leftOut = 0;
  /** Rows that match, while only those are shown: 1 at their place. Nothing is folded then. */
  private only: Uint8Array | undefined;
  private collapsed = new Uint8Array(0);
  /** Runs that were opened, at the place of their first row. */
  private unfolded = new Uint8Array(0);
  /** Rows that are wanted, or have something below them that is; undefined for all. */
  private kept: Uint8Array | undefined;

  constructor(private readonly skeleton: Skeleton) {
    this.folds = new Folds(skeleton);
    this.rowsChanged();
  }

  /** Takes up rows that came in. */
  rowsChanged(): void {
    this.folds.rebuild();
    this.keep();
    this.rebuild();
  }

  /** Rows went elsewhere: `went` tells where, -1 for one that is gone. Takes up that, and the rows as they are now. */
  rowsMoved(went: Int32Array): void {
    for (const flags of ['collapsed', 'unfolded'] as const) {
      const before = this[flags];
      this[flags] = new Uint8Array(Math.max(this.skeleton.count, before.length));
      for (const [row, now] of went.entries()) if (before[row] && now !== -1) this[flags][now] = 1;
    }
    // Whoever says what matches says it anew.
    this.only = undefined;
    this.rowsChanged();
  }

  /** Works out which rows the choice of services and matches leaves. */
  private keep(): void {
    const { hidden, only, skeleton } = this;
    const { count, columns } = skeleton;
    this.leftOut = 0;
    this.kept = undefined;
    if (!hidden && !only) return;
    const kept = new Uint8Array(count);
    const { service, parentRow } = columns;
    for (let row = count - 1; row >= 0; row--) {
      if (!hidden?.[service[row] as number] && (!only || only[row])) kept[row] = 1;
      const parent = parentRow[row] as number;
      if (kept[row] && parent !== -1) kept[parent] = 1;
      if (!kept[row]) this.leftOut++;
    }
    this.kept = kept;
  }

  /** Works the shown rows out anew: after something was collapsed, folded or switched off. About 3 ms for a million. */
  rebuild(): void {
    const { count, columns } = this.skeleton;
    if (this.rows.length < count) {
      this.rows = new Uint32Array(Math.max(count, this.skeleton.ordinal.length));
      const collapsed = new Uint8Array(this.rows.length);
      collapsed.set(this.collapsed);
      this.collapsed = collapsed;
      const unfolded = new Uint8Array(this.rows.length);
      unfolded.set(this.unfolded);
      this.unfolded = unfolded;
    }
    const { rows, collapsed, kept } = this;
    const { subtreeSize } = columns;
    let shown = 0;
    for (let row = 0; row < count;) {
      if (kept && !kept[row]) {
        row += subtreeSize[row] as number;
        continue;
      }
      rows[shown++] = row;
      if (this.isFolded(row)) row = this.folds.end(row);
      else row += collapsed[row] ? (subtreeSize[row] as number) : 1;
    }
    this.count = shown;
  }

  /** True when `row` stands for a run of alike siblings. */
  isFolded(row: number): boolean {
    return this.folding && !this.only && this.folds.headOf(row) === row && !this.unfolded[row];
  }

  /** Row after everything that the shown row `row` stands for. */
  endOfShown(row: number): number {
    if (this.isFolded(row)) return this.folds.end(row);
    return this.isCollapsed(row) ? this.skeleton.end(row) : row + 1;
  }

  /** True when something lies behind `row` that could be shown. */
  isClosed(row: number): boolean {
    return this.isFolded(row) || this.isCollapsed(row);
  }

  /** True when `row` is not shown because of its service, or because it does not match. */
  isLeftOut(row: number): boolean {
    return this.kept !== undefined && !this.kept[row];
  }

  /** True when `row` is shown only to keep the place of something below it. */
  isContext(row: number): boolean {
    if (this.only && this.only[row] !== 1) return true;
    return this.hidden?.[this.skeleton.columns.service[row] as number] === 1;
  }

  /** Shows runs of alike siblings as one row, or as what they are. */
  setFolding(folding: boolean): void {
    this.folding = folding;
    this.unfolded.fill(0);
    this.rebuild();
  }

  /** Opens or folds the run that starts with `head`. Returns whether anything changed. */
  setFolded(head: number, folded: boolean): boolean {
    if (!this.folding || this.folds.headOf(head) !== head || this.isFolded(head) === folded)
      return false;
    this.unfolded[head] = folded ? 0 : 1;
    this.rebuild();
    return true;
  }

  /** Switches services off, by number; none when all are. */
  setHidden(hidden: Uint8Array | undefined): void {
    this.hidden = hidden?.includes(1) && hidden.includes(0) ? hidden : undefined;
    this.keep();
    this.rebuild();
  }

  /** Shows only `matches` and what they are under; everything without them. */
  setOnly(matches: Uint32Array | undefined): void {
    this.only = undefined;
    if (matches) {
      this.only = new Uint8Array(this.skeleton.count);
      for (const row of matches) this.only[row] = 1;
    }
    this.keep();
    this.rebuild();
  }

  /** True while only matches are shown. */
  get isNarrowed(): boolean {
    return this.only !== undefined;
  }

  /** The row at a position. */
  at(position: number): number {
    return this.rows[position] as number;
  }

  /** Position of `row`, or of the nearest row above it that is shown (its collapsed ancestor). */
  nearest(row: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.rows[middle] as number) <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Position of `row`, or -1 while it is hidden. */
  positionOf(row: number): number {
    const position = this.nearest(row);
    return this.count > 0 && this.rows[position] === row ? position : -1;
  }

  /** True when the children of `row` are hidden. */
  isCollapsed(row: number): boolean {
    return this.collapsed[row] === 1;
  }

  /** Hides or shows the children of `row`. Returns whether anything changed. */
  setCollapsed(row: number, collapsed: boolean): boolean {
    if (this.isCollapsed(row) === collapsed || (collapsed && this.skeleton.childCount[row] === 0))
      return false;
    this.collapsed[row] = collapsed ? 1 : 0;
    this.rebuild();
    return true;
  }

  /** Opens whatever hides `row`, so that it is shown. Returns whether anything changed. */
  reveal(row: number): boolean {
    let changed = false;
    const { parentRow, service } = this.skeleton.columns;
    if (this.isLeftOut(row) && this.only && !this.only[row]) {
      this.setOnly(undefined);
      changed = true;
    }
    if (this.isLeftOut(row) && this.hidden) {
      const hidden = this.hidden.slice();
      hidden[service[row] as number] = 0;
      this.setHidden(hidden);
      changed = true;
    }
    for (let up = row; up !== -1; up = parentRow[up] as number) {
      if (up !== row && this.collapsed[up] === 1) {
        this.collapsed[up] = 0;
        changed = true;
      }
      const head = this.folds.headOf(up);
      if (head !== -1 && head !== row && this.isFolded(head)) {
        this.unfolded[head] = 1;
        changed = true;
      }
    }
    if (changed) this.rebuild();
    return changed;
  }

  /** Hides or shows the children of every row. */
  setAll(collapsed: boolean): void {
    const { childCount, count } = this.skeleton;
    for (let row = 0; row < count; row++)
      this.collapsed[row] = collapsed && (childCount[row] as number) > 0 ? 1 : 0;
    this.rebuild();
  }

  /** Collapses the deepest level that is open. Returns whether there was one. */
  collapseLevel(): boolean {
    const { depth } = this.skeleton.columns;
    let deepest = -1;
    this.each((row) => {
      if (this.canCollapse(row)) deepest = Math.max(deepest, depth[row] as number);
    });
    if (deepest === -1) return false;
    this.each((row) => {
      if (depth[row] === deepest && this.canCollapse(row)) this.collapsed[row] = 1;
    });
    this.rebuild();
    return true;
  }

  /** Expands the uppermost level that is collapsed. Returns whether there was one. */
  expandLevel(): boolean {
    const { depth } = this.skeleton.columns;
    let highest = Number.POSITIVE_INFINITY;
    this.each((row) => {
      if (this.collapsed[row] === 1) highest = Math.min(highest, depth[row] as number);
    });
    if (highest === Number.POSITIVE_INFINITY) return false;
    this.each((row) => {
      if (depth[row] === highest) this.collapsed[row] = 0;
    });
    this.rebuild();
    return true;
  }

  private canCollapse(row: number): boolean {
    return !this.isClosed(row) && (this.skeleton.childCount[row] as number) > 0;
  }

  private each(visit: (row: number) => void): void {
    for (let position = 0; position < this.count; position++) visit(this.rows[position] as number);
  }
}
