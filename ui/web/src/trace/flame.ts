// The flame graph: spans of the same service and name under the same path are one frame. Its width is the time that its
// spans and everything below them work themselves (self time), so that frames never overflow the one they stand under,
// however much ran side by side.

import type { Skeleton } from './skeleton';
import { STATUS_ERROR } from './skeleton';

/** See the module. Node 0 stands for the whole trace; parents stand before their children. Times are ns. */
export interface Flame {
  count: number;
  parent: Int32Array;
  depth: Int32Array;
  /** A span of the node. */
  row: Int32Array;
  spans: Int32Array;
  errors: Int32Array;
  self: Float64Array;
  /** Self time of the node and everything below it. */
  total: Float64Array;
  /** Left edge of the node: self time of everything to the left of it. */
  left: Float64Array;
  /** Children, the largest first. */
  children: number[][];
  maxDepth: number;
}

/** Makes the flame graph of all spans. */
export function flameOf(skeleton: Skeleton, self: Float64Array): Flame {
  const { count, columns, head } = skeleton;
  const { parentRow, service, name, status } = columns;
  const nodeOf = new Int32Array(count);
  const parent: number[] = [-1];
  const row: number[] = [-1];
  const found: Map<number, number>[] = [new Map()];
  for (let span = 0; span < count; span++) {
    const above =
      (parentRow[span] as number) === -1 ? 0 : (nodeOf[parentRow[span] as number] as number);
    const key = (service[span] as number) * head.names.length + (name[span] as number);
    const siblings = (found[above] ??= new Map<number, number>());
    let node = siblings.get(key);
    if (node === undefined) {
      node = parent.push(above) - 1;
      row.push(span);
      siblings.set(key, node);
    }
    nodeOf[span] = node;
  }
  const flame: Flame = {
    count: parent.length,
    parent: Int32Array.from(parent),
    depth: new Int32Array(parent.length),
    row: Int32Array.from(row),
    spans: new Int32Array(parent.length),
    errors: new Int32Array(parent.length),
    self: new Float64Array(parent.length),
    total: new Float64Array(parent.length),
    left: new Float64Array(parent.length),
    children: Array.from(parent, () => []),
    maxDepth: 0,
  };
  for (let span = 0; span < count; span++) {
    const node = nodeOf[span] as number;
    flame.spans[node]!++;
    if (status[span] === STATUS_ERROR) flame.errors[node]!++;
    flame.self[node]! += self[span] as number;
  }
  flame.spans[0] = count;
  place(flame);
  return flame;
}

/** Sums totals from the bottom, then hands out places from the top, the largest child first. */
function place(flame: Flame): void {
  const { parent, total, self, left, depth, children } = flame;
  for (let node = flame.count - 1; node >= 0; node--) {
    total[node]! += self[node] as number;
    const above = parent[node] as number;
    if (above === -1) continue;
    total[above]! += total[node] as number;
    children[above]!.push(node);
  }
  for (let node = 0; node < flame.count; node++) {
    const own = children[node] as number[];
    own.sort((a, b) => (total[b] as number) - (total[a] as number) || a - b);
    let at = left[node] as number;
    for (const child of own) {
      left[child] = at;
      at += total[child] as number;
      depth[child] = (depth[node] as number) + 1;
      flame.maxDepth = Math.max(flame.maxDepth, depth[child] as number);
    }
  }
}
