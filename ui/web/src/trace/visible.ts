// Which rows of a skeleton are shown: all but those under a collapsed one. Positions count shown rows from the top.

import type { Skeleton } from './skeleton';

/** See the module. */
export class VisibleRows {
  /** Shown rows, from the top; only the first `count` places count. */
  rows = new Uint32Array(0);
  /** Shown rows. */
  count = 0;
  private collapsed = new Uint8Array(0);

  constructor(private readonly skeleton: Skeleton) {
    this.rebuild();
  }

  /** Works the shown rows out anew: after rows came in or were collapsed. About 3 ms for a million. */
  rebuild(): void {
    const { count, columns } = this.skeleton;
    if (this.rows.length < count) {
      this.rows = new Uint32Array(Math.max(count, this.skeleton.ordinal.length));
      const collapsed = new Uint8Array(this.rows.length);
      collapsed.set(this.collapsed);
      this.collapsed = collapsed;
    }
    const { rows, collapsed } = this;
    const { subtreeSize } = columns;
    let shown = 0;
    for (let row = 0; row < count;) {
      rows[shown++] = row;
      row += collapsed[row] ? (subtreeSize[row] as number) : 1;
    }
    this.count = shown;
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

  /** Shows the children of every ancestor of `row`, so that it is shown. Returns whether anything changed. */
  reveal(row: number): boolean {
    let changed = false;
    const { parentRow } = this.skeleton.columns;
    for (let up = parentRow[row] as number; up !== -1; up = parentRow[up] as number) {
      if (this.collapsed[up] === 1) {
        this.collapsed[up] = 0;
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
    return this.collapsed[row] === 0 && (this.skeleton.childCount[row] as number) > 0;
  }

  private each(visit: (row: number) => void): void {
    for (let position = 0; position < this.count; position++) visit(this.rows[position] as number);
  }
}
