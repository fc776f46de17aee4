// The picture of a whole trace in a few lanes, for the minimap: for each pixel the span that was painted there last.

import type { Skeleton } from './skeleton';

/** What to draw where. */
export interface RasterInput {
  skeleton: Skeleton;
  width: number;
  lanes: number;
  /** Column of an instant. */
  columnOf: (t: number) => number;
}

/**
 * Row + 1 of the span seen at each lane and column, 0 where there is none.
 *
 * Later rows lie above earlier ones, as if painted in order. They are visited in reverse, and each pixel is written once:
 * `next` leads from a column to the next free one (union-find), so that the cost is rows plus pixels, however long the
 * spans are.
 */
export function rasterRows({ skeleton, width, lanes, columnOf }: RasterInput): Uint32Array {
  const seen = new Uint32Array(width * lanes);
  const next = new Uint32Array((width + 1) * lanes);
  for (let lane = 0; lane < lanes; lane++) {
    for (let x = 0; x <= width; x++) next[lane * (width + 1) + x] = x;
  }
  const free = (base: number, x: number): number => {
    let end = x;
    while (next[base + end] !== end) end = next[base + end] as number;
    while (next[base + x] !== end) {
      const step = next[base + x] as number;
      next[base + x] = end;
      x = step;
    }
    return end;
  };
  const { start, duration, depth } = skeleton.columns;
  for (let row = skeleton.count - 1; row >= 0; row--) {
    const lane = laneOf(depth[row] as number, skeleton.maxDepth, lanes);
    const begin = columnOf(start[row] as number);
    const end = columnOf((start[row] as number) + Math.max(0, duration[row] as number));
    if (begin >= width || end < 0) continue;
    const from = Math.max(0, begin);
    const to = Math.min(width - 1, end);
    const base = lane * (width + 1);
    for (let x = free(base, from); x <= to; x = free(base, x)) {
      seen[lane * width + x] = row + 1;
      next[base + x] = x + 1;
    }
  }
  return seen;
}

/** The lane of a level, when there are more levels than lanes. */
export function laneOf(depth: number, maxDepth: number, lanes: number): number {
  return maxDepth < lanes ? depth : Math.floor((depth / (maxDepth + 1)) * lanes);
}
