// The heatmap as numbers: cells by column and row, where times and durations lie on it, what a box holds.

import type { HeatmapAnswer } from '../api/types';
import type { Box } from './box';

/** A cell. */
export interface Cell {
  count: number;
  errors: number;
  /** A trace in it; one with an error if there is one. */
  traceId: string;
}

/** Cells from the first column and row to the last, all inclusive. */
export interface CellBox {
  left: number;
  right: number;
  low: number;
  high: number;
}

/** See the module. Rows count from the shortest durations up. */
export class Heat {
  readonly columns: number;
  readonly rows: number;
  /** Most in one cell. */
  readonly most: number;
  readonly start: bigint;
  readonly width: bigint;
  readonly edges: readonly bigint[];
  private readonly cells = new Map<number, Cell>();

  constructor(readonly answer: HeatmapAnswer) {
    const { cells, row_edges_ns: edges } = answer;
    this.columns = answer.column_count;
    this.rows = Math.max(0, edges.length - 1);
    this.start = answer.start_time_unix_nano;
    this.width = answer.column_ns;
    this.edges = edges;
    let most = 0;
    for (let i = 0; i < cells.count.length; i++) {
      const count = cells.count[i] ?? 0;
      most = Math.max(most, count);
      this.cells.set(this.place(cells.column[i] ?? 0, cells.row[i] ?? 0), {
        count,
        errors: cells.error_count[i] ?? 0,
        traceId: cells.trace_id[i] ?? '',
      });
    }
    this.most = most;
  }

  private place(column: number, row: number): number {
    return column * this.rows + row;
  }

  /** The cell at a place, if something is in it. */
  at(column: number, row: number): Cell | undefined {
    return this.cells.get(this.place(column, row));
  }

  /** Every cell that has something in it. */
  *all(): Generator<[column: number, row: number, cell: Cell]> {
    for (const [place, cell] of this.cells)
      yield [Math.floor(place / this.rows), place % this.rows, cell];
  }

  /** Start of a column, ns since the epoch; that of the one behind the last is the end of the axis. */
  time(column: number): bigint {
    return this.start + BigInt(column) * this.width;
  }

  /** Where an instant lies, in columns, with a fraction. */
  columnOf(ns: bigint): number {
    return Number(ns - this.start) / Number(this.width);
  }

  /** Where a duration lies, in rows, with a fraction. */
  rowOf(ns: bigint): number {
    const row = this.edges.findLastIndex((edge) => edge <= ns);
    if (row < 0) return 0;
    const [low, high] = [this.edges[row], this.edges[row + 1]];
    if (low === undefined || high === undefined) return this.rows;
    if (low === 0n) return row;
    return row + Math.log(Number(ns) / Number(low)) / Math.log(Number(high) / Number(low));
  }

  /** The times and durations of some cells. What is before the axis is in its first column, so that has no earliest time. */
  box({ left, right, low, high }: CellBox): Box {
    const [min, max] = [this.edges[low], this.edges[high + 1]];
    return {
      ...(left > 0 && { from: this.time(left) }),
      ...(right < this.columns - 1 && { to: this.time(right + 1) }),
      ...(min !== undefined && min > 0n && { min }),
      ...(max !== undefined && max < 1n << 63n && { max }),
    };
  }

  /** The cells that lie in a box, as well as they fit; undefined when none does. */
  cellsOf({ from, to, min, max }: Box): CellBox | undefined {
    if (this.rows === 0) return undefined;
    const left = from === undefined ? 0 : Math.round(this.columnOf(from));
    const right = to === undefined ? this.columns - 1 : Math.round(this.columnOf(to)) - 1;
    const low = min === undefined ? 0 : Math.round(this.rowOf(min));
    const high = max === undefined ? this.rows - 1 : Math.round(this.rowOf(max)) - 1;
    if (right < 0 || left >= this.columns || high < 0 || low >= this.rows) return undefined;
    return {
      left: Math.max(0, left),
      right: Math.max(left, Math.min(this.columns - 1, right)),
      low: Math.max(0, low),
      high: Math.max(low, Math.min(this.rows - 1, high)),
    };
  }

  /** What some cells hold together. */
  sum({ left, right, low, high }: CellBox): { count: number; errors: number } {
    let [count, errors] = [0, 0];
    for (let column = left; column <= right; column++)
      for (let row = low; row <= high; row++) {
        const cell = this.at(column, row);
        count += cell?.count ?? 0;
        errors += cell?.errors ?? 0;
      }
    return { count, errors };
  }

  /** Durations of round size that lie on the axis. */
  ticks(): bigint[] {
    const first = this.edges.find((edge) => edge > 0n) ?? 1n;
    const last = this.edges.at(-1) ?? 1n;
    return ROUND.filter((tick) => tick >= first && tick <= last);
  }
}

const S = 1_000_000_000n;
/** Powers of ten up to 10 s, then minutes, hours and days. */
const ROUND: readonly bigint[] = [
  ...Array.from({ length: 11 }, (_, power) => 10n ** BigInt(power)),
  ...[60n, 600n, 3600n, 36_000n, 86_400n, 864_000n, 8_640_000n].map((seconds) => seconds * S),
];

/** Step of the colour ramp for `count`, from 1 to 7: logarithmic, so that single ones are seen beside thousands. */
export function rampStep(count: number, most: number): number {
  if (most <= 1) return 4;
  return 1 + Math.round((Math.log(Math.max(1, count)) / Math.log(most)) * 6);
}

/** The box that two cells span. */
export function spanned(a: Place, b: Place): CellBox {
  return {
    left: Math.min(a.column, b.column),
    right: Math.max(a.column, b.column),
    low: Math.min(a.row, b.row),
    high: Math.max(a.row, b.row),
  };
}

/** A place on the grid. */
export interface Place {
  column: number;
  row: number;
}

/** Counts of the time axis in at most `parts` parts, for a table. */
export function timeline(
  heat: Heat,
  parts: number,
): { from: bigint; count: number; errors: number }[] {
  const { count, error_count: errors } = heat.answer.timeline;
  const step = Math.max(1, Math.ceil(heat.columns / parts));
  const sum = (values: readonly number[], from: number): number =>
    values.slice(from, from + step).reduce((total, value) => total + value, 0);
  return Array.from({ length: Math.ceil(heat.columns / step) }, (_, i) => ({
    from: heat.time(i * step),
    count: sum(count, i * step),
    errors: sum(errors, i * step),
  }));
}
