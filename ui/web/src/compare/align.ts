// Two traces laid on each other: spans that play the same part become a pair.
//
// Under a pair of spans, children of the same service, name and kind are paired in the order of their start, the first with
// the first, and so on; what is left over stands alone. Single roots are paired even when they are called differently,
// because the comparison was asked for. Pairs come in depth-first order; a span that only B has stands behind the one it
// follows there.
//
//   pair           0    1    2    3
//   a              0    1   -1    2       rows of A, -1 where it has none
//   b              0    1    2   -1
//   depth          0    1    1    1
//   subtreeSize    4    1    1    1       pairs of the subtree, this one included
//
// Invariant: each row of either trace stands in exactly one pair, and its parent in the pair above.

import type { Skeleton } from '../trace/skeleton';

/** See the module. */
export interface Alignment {
  count: number;
  a: Int32Array;
  b: Int32Array;
  depth: Int32Array;
  parent: Int32Array;
  subtreeSize: Int32Array;
}

/** Direct children of `row`, or the roots for -1, in order. */
function childrenOf(skeleton: Skeleton, row: number): number[] {
  const { subtreeSize } = skeleton.columns;
  const children: number[] = [];
  const end = row === -1 ? skeleton.count : skeleton.end(row);
  for (let child = row + 1; child < end; child += subtreeSize[child] as number)
    children.push(child);
  return children;
}

/** What part a span plays, apart from where it stands. */
function keyOf(skeleton: Skeleton, row: number): string {
  return `${skeleton.serviceName(row)}\u0000${skeleton.spanName(row)}\u0000${skeleton.columns.kind[row]}`;
}

type Pair = [a: number, b: number];

/** Pairs of two lists of siblings. */
function pairUp(a: Skeleton, b: Skeleton, ofA: readonly number[], ofB: readonly number[]): Pair[] {
  const waiting = new Map<string, number[]>();
  for (const row of ofB) {
    const key = keyOf(b, row);
    const rows = waiting.get(key);
    if (rows) rows.push(row);
    else waiting.set(key, [row]);
  }
  // Taken from the end, which is cheap.
  for (const rows of waiting.values()) rows.reverse();
  const partner = new Map<number, number>();
  const pairs = ofA.map((row): Pair => {
    const other = waiting.get(keyOf(a, row))?.pop() ?? -1;
    if (other !== -1) partner.set(other, row);
    return [row, other];
  });
  // What only B has goes behind its elder sibling in B.
  const behind = new Map<number, Pair[]>();
  let elder = -1;
  for (const row of ofB) {
    if (partner.has(row)) elder = partner.get(row) as number;
    else if (!behind.get(elder)?.push([-1, row])) behind.set(elder, [[-1, row]]);
  }
  const merged = behind.get(-1) ?? [];
  for (const pair of pairs) merged.push(pair, ...(behind.get(pair[0]) ?? []));
  return merged;
}

/** Children of a pair, paired. */
function childPairs(a: Skeleton, b: Skeleton, [rowA, rowB]: Pair): Pair[] {
  if (rowB === -1) return childrenOf(a, rowA).map((row): Pair => [row, -1]);
  if (rowA === -1) return childrenOf(b, rowB).map((row): Pair => [-1, row]);
  return pairUp(a, b, childrenOf(a, rowA), childrenOf(b, rowB));
}

function rootPairs(a: Skeleton, b: Skeleton): Pair[] {
  const ofA = childrenOf(a, -1);
  const ofB = childrenOf(b, -1);
  if (ofA.length === 1 && ofB.length === 1) return [[ofA[0] as number, ofB[0] as number]];
  return pairUp(a, b, ofA, ofB);
}

/** See the module. */
export function align(a: Skeleton, b: Skeleton): Alignment {
  const most = a.count + b.count;
  const result: Alignment = {
    count: 0,
    a: new Int32Array(most),
    b: new Int32Array(most),
    depth: new Int32Array(most),
    parent: new Int32Array(most),
    subtreeSize: new Int32Array(most).fill(1),
  };
  // A stack of its own: traces are deeper than the one of the language.
  const stack = rootPairs(a, b)
    .toReversed()
    .map((pair) => ({ pair, parent: -1 }));
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { pair, parent } = next;
    const at = result.count++;
    [result.a[at], result.b[at]] = pair;
    result.parent[at] = parent;
    result.depth[at] = parent === -1 ? 0 : (result.depth[parent] as number) + 1;
    for (const child of childPairs(a, b, pair).toReversed())
      stack.push({ pair: child, parent: at });
  }
  for (let at = result.count - 1; at > 0; at--) {
    const parent = result.parent[at] as number;
    if (parent >= 0)
      result.subtreeSize[parent] =
        (result.subtreeSize[parent] as number) + (result.subtreeSize[at] as number);
  }
  return result;
}
