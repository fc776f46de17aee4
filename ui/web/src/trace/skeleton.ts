// The skeleton of a trace: one typed array a column, one place a span, in depth-first order.
//
//   row            0    1    2    3    4
//   parentRow     -1    0    1    0   -1      the row above that the span hangs under
//   depth          0    1    2    1    0
//   subtreeSize    4    2    1    1    1      rows of the subtree, this one included; they follow each other
//
// Invariants, checked while rows are added: a parent stands above its children, is one level up, and its subtree holds
// theirs. Everything else of a span (attributes, events, links) is fetched for one span at a time.

import type { TraceHead } from '../api/types';

/** Bits of `flags`. */
export const FLAG_ORPHAN = 1;
export const FLAG_SHARED_ID = 2;
export const FLAG_ENDS_BEFORE_START = 4;

/** Values of `status`. */
export const STATUS_ERROR = 2;

/** Bytes of a span id. */
const ID_BYTES = 8;

/** Most rows that are taken from the server: what this page can hold and draw well. */
export const ROWS_MAX = 2_000_000;

/** Columns as they come in, one batch at a time. Times are nanoseconds. */
export interface Columns {
  spanId: Uint8Array;
  parentRow: Int32Array;
  depth: Int32Array;
  subtreeSize: Int32Array;
  start: Float64Array;
  duration: Float64Array;
  service: Int32Array;
  name: Int32Array;
  kind: Uint8Array;
  status: Uint8Array;
  flags: Uint8Array;
  eventCount: Int32Array;
  linkCount: Int32Array;
}

/** Why rows were refused. */
export class SkeletonError extends Error {
  override name = 'SkeletonError';
}

function emptyColumns(capacity: number): Columns {
  return {
    spanId: new Uint8Array(capacity * ID_BYTES),
    parentRow: new Int32Array(capacity),
    depth: new Int32Array(capacity),
    subtreeSize: new Int32Array(capacity),
    start: new Float64Array(capacity),
    duration: new Float64Array(capacity),
    service: new Int32Array(capacity),
    name: new Int32Array(capacity),
    kind: new Uint8Array(capacity),
    status: new Uint8Array(capacity),
    flags: new Uint8Array(capacity),
    eventCount: new Int32Array(capacity),
    linkCount: new Int32Array(capacity),
  };
}

/** See the module. */
export class Skeleton {
  /** Rows that have come in. */
  count = 0;
  /** Columns; only the first `count` places count. */
  columns: Columns;
  /** Place of each span among its siblings, from 1. */
  ordinal: Int32Array;
  /** Children of each span. */
  childCount: Int32Array;
  /** Roots and orphans. */
  rootCount = 0;
  /** Deepest level. */
  maxDepth = 0;

  constructor(public head: TraceHead) {
    const capacity = Math.min(Math.max(head.span_count, 1), ROWS_MAX);
    this.columns = emptyColumns(capacity);
    this.ordinal = new Int32Array(capacity);
    this.childCount = new Int32Array(capacity);
  }

  /** Adds rows below the ones that are there. Throws {@link SkeletonError} when they break an invariant. */
  append(batch: Columns): void {
    const added = batch.parentRow.length;
    const first = this.count;
    if (first + added > ROWS_MAX) throw new SkeletonError(`more than ${ROWS_MAX} rows`);
    this.reserve(first + added);
    for (const name of Object.keys(batch) as (keyof Columns)[]) {
      const width = name === 'spanId' ? ID_BYTES : 1;
      if (batch[name].length !== added * width)
        throw new SkeletonError(`column ${name} is of another length`);
      this.columns[name].set(batch[name], first * width);
    }
    for (let row = first; row < first + added; row++) this.link(row);
    this.count = first + added;
  }

  /** Says that no more rows come. Throws {@link SkeletonError} when a subtree reaches beyond the last one. */
  finish(): void {
    const { subtreeSize } = this.columns;
    for (let row = 0; row < this.count; row++) {
      if (row + (subtreeSize[row] as number) > this.count)
        throw new SkeletonError(`row ${row}: subtree beyond the last row`);
    }
  }

  /** Takes the rows of `next`, a later state of the same trace. Returns where each row went, -1 for one that is gone. */
  become(next: Skeleton): Int32Array {
    const went = whereWent(this, next);
    this.head = next.head;
    this.columns = next.columns;
    this.ordinal = next.ordinal;
    this.childCount = next.childCount;
    this.count = next.count;
    this.rootCount = next.rootCount;
    this.maxDepth = next.maxDepth;
    return went;
  }

  private link(row: number): void {
    const { parentRow, depth, subtreeSize, service, name } = this.columns;
    const parent = parentRow[row] as number;
    const level = depth[row] as number;
    const size = subtreeSize[row] as number;
    const { services, names } = this.head;
    if (parent < -1 || parent >= row)
      throw new SkeletonError(`row ${row}: parent ${parent} does not stand above`);
    if (level !== (parent === -1 ? 0 : (depth[parent] as number) + 1)) {
      throw new SkeletonError(`row ${row}: depth ${level} does not follow its parent's`);
    }
    if (size < 1 || (parent >= 0 && row + size > parent + (subtreeSize[parent] as number))) {
      throw new SkeletonError(`row ${row}: subtree of ${size} does not fit its parent's`);
    }
    if (!((service[row] as number) in services) || !((name[row] as number) in names)) {
      throw new SkeletonError(`row ${row}: service or name is not in the dictionary`);
    }
    if (level > this.maxDepth) this.maxDepth = level;
    if (parent === -1) this.ordinal[row] = ++this.rootCount;
    else this.ordinal[row] = this.childCount[parent] = (this.childCount[parent] as number) + 1;
  }

  private reserve(rows: number): void {
    if (rows <= this.ordinal.length) return;
    const capacity = Math.min(Math.max(rows, this.ordinal.length * 2), ROWS_MAX);
    const columns = emptyColumns(capacity);
    for (const name of Object.keys(columns) as (keyof Columns)[])
      columns[name].set(this.columns[name]);
    this.columns = columns;
    const grow = (old: Int32Array): Int32Array => {
      const grown = new Int32Array(capacity);
      grown.set(old);
      return grown;
    };
    this.ordinal = grow(this.ordinal);
    this.childCount = grow(this.childCount);
  }

  /** Spans that share the parent of `row`, itself included. */
  siblings(row: number): number {
    const parent = this.columns.parentRow[row] as number;
    return parent === -1 ? this.rootCount : (this.childCount[parent] as number);
  }

  /** Row after the subtree of `row`, as far as it has come in. */
  end(row: number): number {
    return Math.min(row + (this.columns.subtreeSize[row] as number), this.count);
  }

  /** Name of the service of `row`. */
  serviceName(row: number): string {
    return this.head.services[this.columns.service[row] as number] as string;
  }

  /** Name of the span `row`. */
  spanName(row: number): string {
    return this.head.names[this.columns.name[row] as number] as string;
  }

  /** True when `row` has no start time: its sender gave none, so it lies at the epoch. */
  hasNoStart(row: number): boolean {
    const start = this.columns.start[row] as number;
    return start < 0 && Math.abs(start + Number(this.head.start_time_unix_nano)) < 1e6;
  }

  /** True when `row` starts before its parent in another service: the clocks of the two differ. */
  isSkewed(row: number): boolean {
    const { parentRow, start, service } = this.columns;
    const parent = parentRow[row] as number;
    if (parent === -1 || (start[row] as number) >= (start[parent] as number)) return false;
    return service[row] !== service[parent] && !this.hasNoStart(row) && !this.hasNoStart(parent);
  }

  /** Span id of `row`, hex. */
  spanIdHex(row: number): string {
    let hex = '';
    const at = row * ID_BYTES;
    for (let i = at; i < at + ID_BYTES; i++)
      hex += (this.columns.spanId[i] as number).toString(16).padStart(2, '0');
    return hex;
  }

  /**
   * How a link names `row`: the id of its span, and `.2` for the second span of that id (the two halves of a shared
   * span have the same).
   */
  reference(row: number): string {
    let nth = 1;
    for (
      let other = this.nextWithId(row, 0);
      other !== row;
      other = this.nextWithId(row, other + 1)
    )
      nth++;
    const hex = this.spanIdHex(row);
    return nth === 1 ? hex : `${hex}.${nth}`;
  }

  /** The row that a link names, or -1 while there is none. */
  find(reference: string): number {
    const match = /^([0-9a-f]{1,16})(?:\.(\d{1,7}))?$/i.exec(reference.trim());
    if (!match) return -1;
    const hex = (match[1] as string).toLowerCase().padStart(ID_BYTES * 2, '0');
    let nth = Number(match[2] ?? 1);
    for (let row = 0; row < this.count; row++) {
      if (this.spanIdHex(row) === hex && --nth <= 0) return row;
    }
    return -1;
  }

  private nextWithId(row: number, from: number): number {
    const ids = this.columns.spanId;
    const wanted = row * ID_BYTES;
    for (let other = from; other < this.count; other++) {
      const at = other * ID_BYTES;
      let same = 0;
      while (same < ID_BYTES && ids[at + same] === ids[wanted + same]) same++;
      if (same === ID_BYTES) return other;
    }
    return row;
  }
}

/** For each row of `before` the row of the same span in `after`. Spans that share an id are taken in their order. */
function whereWent(before: Skeleton, after: Skeleton): Int32Array {
  const ids = (of: Skeleton): BigUint64Array =>
    new BigUint64Array(of.columns.spanId.buffer, of.columns.spanId.byteOffset, of.count);
  const rowsOf = new Map<bigint, number[]>();
  for (const [row, id] of ids(after).entries()) {
    const rows = rowsOf.get(id);
    if (rows) rows.push(row);
    else rowsOf.set(id, [row]);
  }
  return Int32Array.from(ids(before), (id) => rowsOf.get(id)?.shift() ?? -1);
}
