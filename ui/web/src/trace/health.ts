// What a reader must know of a trace before believing its picture: clocks that differ, a missing root.

import { FLAG_ORPHAN, type Skeleton } from './skeleton';

/** Spans that start before their parents in another service. */
export interface Skew {
  spans: number;
  /** The largest difference, ns. */
  most: number;
  /** The services of that one: of the child, of the parent. */
  child: string;
  parent: string;
}

/** Looks for clocks that differ; undefined when there is no sign of it. */
export function skewOf(skeleton: Skeleton): Skew | undefined {
  const { start, parentRow } = skeleton.columns;
  let found: Skew | undefined;
  for (let row = 0; row < skeleton.count; row++) {
    if (!skeleton.isSkewed(row)) continue;
    const parent = parentRow[row] as number;
    const by = (start[parent] as number) - (start[row] as number);
    found ??= { spans: 0, most: 0, child: '', parent: '' };
    found.spans++;
    if (by <= found.most) continue;
    found.most = by;
    found.child = skeleton.serviceName(row);
    found.parent = skeleton.serviceName(parent);
  }
  return found;
}

/** True when every span at the top names a parent that is not here. */
export function isRootMissing({ count, columns, head }: Skeleton): boolean {
  if (count === 0 || head.orphan_count === 0) return false;
  const { parentRow, flags } = columns;
  for (let row = 0; row < count; row++)
    if (parentRow[row] === -1 && ((flags[row] as number) & FLAG_ORPHAN) === 0) return false;
  return true;
}
