// Skeletons for tests.

import { skeletonOf } from '../mock/answers';
import { generate, randomOf } from '../mock/generate';
import { assemble, mockSpan, type MockSpan } from '../mock/model';
import { skeletonFromJson } from '../src/trace/loadSkeleton';
import type { Skeleton } from '../src/trace/skeleton';

const TRACE = 'ab'.repeat(16);

/** The skeleton of `spans`. */
export function skeletonFrom(spans: readonly MockSpan[]): Skeleton {
  const skeleton = skeletonFromJson(skeletonOf(assemble(spans)));
  skeleton.finish();
  return skeleton;
}

/** A generated skeleton. */
export function generated(seed: number, spans: number): Skeleton {
  return skeletonFrom(generate({ seed, spans, traceId: TRACE }));
}

/** A span of a small tree: id, parent id, start and end in nanoseconds. */
export function node(
  id: number,
  parent: number | null,
  start: number,
  end: number,
  given: Partial<MockSpan> = {},
): MockSpan {
  const hex = (n: number): string => n.toString(16).padStart(16, '0');
  return mockSpan({
    traceId: TRACE,
    spanId: hex(id),
    parentId: parent === null ? null : hex(parent),
    start: BigInt(start),
    end: BigInt(end),
    name: `n${id}`,
    service: `s${id % 3}`,
    ...given,
  });
}

/** Spans whose parents are drawn at random: cycles, selves, missing ones, doubled ids, times out of order. */
export function wild(seed: number, count: number): MockSpan[] {
  const random = randomOf(seed);
  const draw = (n: number): number => Math.floor(random() * n);
  return Array.from({ length: count }, () => {
    const start = 1 + draw(1000);
    const parent = random() < 0.15 ? null : 1 + draw(count * 1.3);
    return node(1 + draw(count), parent, start, start + draw(300) - 40, {
      kind: draw(6),
      status: draw(3),
    });
  });
}
