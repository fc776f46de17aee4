import { describe, expect, test } from 'vitest';

import { randomOf } from '../mock/generate';
import type { Skeleton } from '../src/trace/skeleton';
import { VisibleRows } from '../src/trace/visible';
import { generated, node, skeletonFrom, wild } from './trees';

/** The shown rows worked out the slow way: no ancestor is collapsed. */
function slowly(skeleton: Skeleton, collapsed: ReadonlySet<number>): number[] {
  const { parentRow } = skeleton.columns;
  const isShown = (row: number): boolean => {
    for (let up = parentRow[row] as number; up !== -1; up = parentRow[up] as number)
      if (collapsed.has(up)) return false;
    return true;
  };
  return Array.from({ length: skeleton.count }, (_, row) => row).filter(isShown);
}

const shown = (visible: VisibleRows): number[] =>
  Array.from(visible.rows.subarray(0, visible.count));

describe('VisibleRows', () => {
  test('hides exactly what lies under collapsed rows', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const skeleton = seed % 2 ? generated(seed, 120) : skeletonFrom(wild(seed, 60));
      const visible = new VisibleRows(skeleton);
      const random = randomOf(seed);
      const collapsed = new Set<number>();
      for (let step = 0; step < 25; step++) {
        const row = Math.floor(random() * skeleton.count);
        if (collapsed.has(row)) {
          visible.setCollapsed(row, false);
          collapsed.delete(row);
        } else if (visible.setCollapsed(row, true)) {
          collapsed.add(row);
        }
        expect(shown(visible)).toEqual(slowly(skeleton, collapsed));
      }
    }
  });

  test('finds positions, and for a hidden row the ancestor that stands for it', () => {
    const skeleton = generated(2, 200);
    const visible = new VisibleRows(skeleton);
    visible.setCollapsed(1, true);
    for (let row = 0; row < skeleton.count; row++) {
      const position = shown(visible).indexOf(row);
      expect(visible.positionOf(row)).toBe(position);
      const nearest = visible.at(visible.nearest(row));
      // Itself, or an ancestor.
      expect(nearest <= row && skeleton.end(nearest) > row).toBe(true);
      expect(nearest === row).toBe(position !== -1);
    }
  });

  test('a leaf cannot be collapsed', () => {
    const visible = new VisibleRows(skeletonFrom([node(1, null, 1, 5)]));
    expect(visible.setCollapsed(0, true)).toBe(false);
    expect(visible.count).toBe(1);
  });

  test('reveals a row under any number of collapsed ones', () => {
    const skeleton = generated(8, 150);
    const visible = new VisibleRows(skeleton);
    visible.setAll(true);
    expect(visible.count).toBe(skeleton.rootCount);
    const deepest = skeleton.columns.depth.indexOf(skeleton.maxDepth);
    expect(visible.reveal(deepest)).toBe(true);
    expect(visible.positionOf(deepest)).toBeGreaterThan(0);
    expect(visible.reveal(deepest)).toBe(false);
  });

  test('levels close from the deepest and open from the uppermost', () => {
    const skeleton = skeletonFrom([
      node(1, null, 1, 99),
      node(2, 1, 2, 50),
      node(3, 2, 3, 40),
      node(4, 1, 60, 90),
      node(5, 4, 61, 62),
    ]);
    const visible = new VisibleRows(skeleton);
    const counts = [visible.count];
    while (visible.collapseLevel()) counts.push(visible.count);
    while (visible.expandLevel()) counts.push(visible.count);
    expect(counts).toEqual([5, 3, 1, 3, 5]);
  });

  test('stays right when rows come in later', () => {
    const whole = generated(5, 90);
    const half = Object.assign(Object.create(Object.getPrototypeOf(whole)), whole, {
      count: 40,
    }) as Skeleton;
    const visible = new VisibleRows(half);
    expect(visible.count).toBe(40);
    half.count = 90;
    visible.rowsChanged();
    expect(shown(visible)).toEqual(slowly(whole, new Set()));
  });
});
