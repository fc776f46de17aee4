// State of one trace on the page, outside React: rows, cursor, range, find, panel. The waterfall and the minimap listen
// to it directly; React components only to what they show.

import { CriticalPath } from './criticalPath';
import { Cuts, cutsOf, CUTS_WORTH_SHARE, lengthOf, UNCUT } from './cuts';
import { firstFrom, placeOf } from './find';
import { Finding, type Find, type Finder } from './finding';
import { selfTotals, type Grouping } from './figures';
import type { TimeRange } from './layout';
import { SelfTimes } from './selfTime';
import { STATUS_ERROR, type Skeleton } from './skeleton';
import { Timeline } from './timeline';
import type { View, ViewControl } from './views';
import { VisibleRows } from './visible';

/** What can change. */
export type Topic = 'rows' | 'cursor' | 'range' | 'find' | 'panel' | 'options';

/** Where a row that becomes the cursor is moved to. */
export type Reveal = 'nearest' | 'center';

/** What the table shows. */
export interface TableState {
  /** What spans are grouped by; nothing for the spans themselves. */
  group?: Grouping | undefined;
  /** The group whose spans are listed, as its key says. */
  pick?: string[] | undefined;
  /** Column, after a minus when descending. */
  sort?: string | undefined;
}

/** See the module. */
export class TraceStore {
  readonly visible: VisibleRows;
  readonly selfTimes: SelfTimes;
  /** The part of the trace's time that is shown. */
  readonly time: Timeline;
  /** Row under the cursor, or -1. */
  cursor = -1;
  /** Where the view moves the cursor's row to, next time it draws. */
  reveal: Reveal | undefined;
  panelOpen = false;
  /** True while spans that do not match are left out. */
  onlyMatches = false;
  /** True while the critical path is shown. */
  critical = true;
  /** True while long idle stretches are cut out of the time that is shown. */
  cutIdle = false;
  view: View = 'waterfall';
  /** What shows the trace, and takes the keys: at once, without waiting for a render. */
  control: ViewControl | undefined;
  table: TableState = {};
  /** Rows with an error, from the top. */
  errors: Uint32Array = new Uint32Array(0);
  /** Events of all rows. */
  eventCount = 0;
  /** True when all rows have come in. */
  complete = false;
  /** Where rows went, while listeners are told that the trace grew. */
  went: Int32Array | undefined;
  /** How often it grew. */
  revision = 0;
  /** A span that the URL names and that has not come in. */
  wanted: string | undefined;

  private readonly listeners = new Map<Topic, Set<() => void>>();
  private path: CriticalPath | undefined;
  private totals: Float64Array | undefined;
  private idle: Cuts | undefined;
  private readonly finding: Finding;

  constructor(
    readonly skeleton: Skeleton,
    finder?: Finder,
  ) {
    this.finding = new Finding(skeleton, finder, () => {
      this.narrow();
      this.emit('find');
    });
    this.visible = new VisibleRows(skeleton);
    this.visible.setFolding(true);
    this.selfTimes = new SelfTimes(skeleton);
    this.errors = errorRows(skeleton);
    this.eventCount = sumOf(skeleton.columns.eventCount, skeleton.count);
    this.time = new Timeline(wholeOf(skeleton));
  }

  /** The whole trace. */
  get full(): TimeRange {
    return this.time.full;
  }

  /** What is shown of it. */
  get range(): TimeRange {
    return this.time.range;
  }

  /** Tells `listener` of changes until the returned function is called. */
  on(topics: readonly Topic[], listener: () => void): () => void {
    for (const topic of topics) {
      const set = this.listeners.get(topic) ?? new Set();
      this.listeners.set(topic, set.add(listener));
    }
    return () => {
      for (const topic of topics) this.listeners.get(topic)?.delete(listener);
    };
  }

  private emit(topic: Topic): void {
    for (const listener of this.listeners.get(topic) ?? []) listener();
  }

  /** Rows came in; `complete` when they were the last. */
  rowsChanged(complete: boolean): void {
    this.complete = complete;
    this.selfTimes.clear();
    this.path = undefined;
    this.totals = undefined;
    this.idle = undefined;
    this.cut();
    this.errors = errorRows(this.skeleton);
    this.eventCount = sumOf(this.skeleton.columns.eventCount, this.skeleton.count);
    this.visible.rowsChanged();
    this.emit('rows');
    if (this.find.text && this.went) this.finding.rowsMoved(this.went);
    else if (this.find.text) this.setFind(this.find.text);
    if (this.wanted) this.select(this.wanted);
  }

  /** A later state of the trace: everything stays where it is, with the rows that are new between. */
  grow(next: Skeleton): void {
    const { skeleton, visible, cursor } = this;
    const hidden = new Set(this.hiddenNames());
    const start = skeleton.head.start_time_unix_nano;
    const went = skeleton.become(next);
    // The new services have other numbers.
    visible.hidden = this.flagsOf(hidden);
    visible.rowsMoved(went);
    this.went = went;
    this.revision++;
    this.cursor = cursor === -1 ? -1 : (went[cursor] as number);
    this.time.grow(wholeOf(skeleton), Number(start - skeleton.head.start_time_unix_nano));
    this.rowsChanged(true);
    this.went = undefined;
    for (const topic of ['cursor', 'range'] as const) this.emit(topic);
  }

  // --- Cursor and panel ----------------------------------------------------------------------------------------------

  /** Opens the span that a link names; while it has not come in, it is waited for. */
  select(reference: string): void {
    const row = this.skeleton.find(reference);
    this.wanted = row === -1 ? reference : undefined;
    if (row !== -1) this.setCursor(row, 'center');
    this.setPanel(true);
  }

  /** Moves the cursor, showing the row if it is hidden. */
  setCursor(row: number, reveal: Reveal = 'nearest'): void {
    if (row < 0 || row >= this.skeleton.count) return;
    this.wanted = undefined;
    this.cursor = row;
    this.reveal = reveal;
    const { hidden, isNarrowed } = this.visible;
    if (this.visible.reveal(row)) this.emit('rows');
    if (isNarrowed && !this.visible.isNarrowed) this.onlyMatches = false;
    if (this.visible.hidden !== hidden || this.visible.isNarrowed !== isNarrowed)
      this.emit('options');
    this.emit('cursor');
  }

  /** Moves the cursor by shown rows; the first move lands on the first row. */
  move(by: number): void {
    const { visible, cursor } = this;
    if (visible.count === 0) return;
    const position = cursor === -1 ? 0 : visible.nearest(cursor) + by;
    this.setCursor(visible.at(Math.min(Math.max(position, 0), visible.count - 1)));
  }

  /** Moves the cursor to the first or the last shown row. */
  moveToEnd(last: boolean): void {
    if (this.visible.count > 0) this.setCursor(this.visible.at(last ? this.visible.count - 1 : 0));
  }

  /** Moves the cursor to the next or previous sibling, if there is one. */
  moveToSibling(by: 1 | -1): void {
    const { skeleton, cursor, visible } = this;
    if (cursor === -1) return this.move(0);
    const { parentRow } = skeleton.columns;
    const parent = parentRow[cursor] as number;
    // Shown rows are walked until one has the same parent, or none can have it any more.
    for (let at = visible.nearest(cursor) + by; at >= 0 && at < visible.count; at += by) {
      const row = visible.at(at);
      if (parentRow[row] === parent) return this.setCursor(row);
      if (parent !== -1 && (row <= parent || row >= skeleton.end(parent))) return;
    }
  }

  /** Collapses the cursor's row or folds its run; where there is nothing to close, moves to the parent. */
  closeOrParent(): void {
    const { cursor, skeleton, visible } = this;
    if (cursor === -1) return this.move(0);
    if (!visible.isClosed(cursor) && (skeleton.childCount[cursor] as number) > 0)
      return this.setCollapsed(cursor, true);
    const head = visible.folds.headOf(cursor);
    if (head !== -1 && visible.folding && !visible.isFolded(head))
      return this.setFolded(head, true);
    const parent = skeleton.columns.parentRow[cursor] as number;
    if (parent !== -1) this.setCursor(parent);
  }

  /** Expands the cursor's row; where it is open, moves to its first child. */
  openOrChild(): void {
    const { cursor, skeleton } = this;
    if (cursor === -1) return this.move(0);
    if (this.visible.isFolded(cursor)) return this.setFolded(cursor, false);
    if (this.visible.isCollapsed(cursor)) return this.setCollapsed(cursor, false);
    if ((skeleton.childCount[cursor] as number) > 0) this.move(1);
  }

  /** Moves the cursor to the next or previous span with an error, going round at the end. */
  moveToError(by: 1 | -1): void {
    const { errors, cursor } = this;
    if (errors.length === 0) return;
    const next = by === 1 ? firstFrom(errors, cursor + 1) : firstFrom(errors, cursor) - 1;
    this.setCursor(errors[(next + errors.length) % errors.length] as number, 'center');
  }

  /** Place of the cursor's row among the rows with an error, or -1. */
  errorAt(): number {
    return placeOf(this.errors, this.cursor);
  }

  /** Opens or closes the span panel. */
  setPanel(open: boolean): void {
    if (!open) this.wanted = undefined;
    if (this.panelOpen === open) return;
    this.panelOpen = open;
    this.emit('panel');
  }

  // --- Collapsing --------------------------------------------------------------------------------------------------

  /** Hides or shows the children of `row`. */
  setCollapsed(row: number, collapsed: boolean): void {
    if (!this.visible.setCollapsed(row, collapsed)) return;
    this.leaveHidden();
    this.emit('rows');
  }

  /** Opens what `row` stands for, or closes it. */
  toggle(row: number): void {
    if (this.visible.isFolded(row)) this.setFolded(row, false);
    else if (this.skeleton.childCount[row]) this.setCollapsed(row, !this.visible.isCollapsed(row));
  }

  /** Opens or folds the run of alike siblings that starts with `head`. */
  setFolded(head: number, folded: boolean): void {
    if (!this.visible.setFolded(head, folded)) return;
    this.leaveHidden();
    this.emit('rows');
  }

  /** Shows runs of alike siblings as one row, or as what they are. */
  setFolding(folding: boolean): void {
    this.visible.setFolding(folding);
    this.leaveHidden();
    this.emit('rows');
    this.emit('options');
  }

  /** Shows or hides the critical path. */
  setCritical(shown: boolean): void {
    this.critical = shown;
    this.emit('options');
  }

  /** The critical path, once all rows are here. */
  criticalPath(): CriticalPath | undefined {
    if (this.complete) this.path ??= CriticalPath.of(this.skeleton);
    return this.path;
  }

  /** Self time of every span. */
  selfTotals(): Float64Array {
    return (this.totals ??= selfTotals(this.skeleton));
  }

  /** Shows the trace in another way. */
  setView(view: View): void {
    if (view === this.view) return;
    this.view = view;
    this.emit('options');
  }

  /** Takes note of what shows the trace. */
  showIn(control: ViewControl | undefined): void {
    this.control = control;
  }

  /** Changes what the table shows. */
  setTable(state: TableState): void {
    this.table = state;
    this.emit('options');
  }

  /** Names of the services that are switched off. */
  hiddenNames(): string[] {
    const { hidden } = this.visible;
    return hidden ? this.skeleton.head.services.filter((_, i) => hidden[i]) : [];
  }

  /** Switches the services `names` off and all others on. */
  setHidden(names: readonly string[]): void {
    this.visible.setHidden(this.flagsOf(new Set(names)));
    this.leaveHidden();
    this.emit('rows');
    this.emit('options');
  }

  /** 1 at the number of each of these services; undefined for none. */
  private flagsOf(names: ReadonlySet<string>): Uint8Array | undefined {
    if (names.size === 0) return undefined;
    return Uint8Array.from(this.skeleton.head.services, (name) => (names.has(name) ? 1 : 0));
  }

  /** Hides or shows the children of every row. */
  collapseAll(collapsed: boolean): void {
    this.visible.setAll(collapsed);
    this.leaveHidden();
    this.emit('rows');
  }

  /** Collapses the deepest open level, or expands the uppermost collapsed one. */
  stepLevel(collapse: boolean): void {
    if (collapse ? this.visible.collapseLevel() : this.visible.expandLevel()) {
      this.leaveHidden();
      this.emit('rows');
    }
  }

  /** A cursor on a row that was hidden goes to the ancestor that stands for it. */
  private leaveHidden(): void {
    if (this.cursor === -1) return;
    const shown = this.visible.at(this.visible.nearest(this.cursor));
    this.reveal = 'nearest';
    if (shown === this.cursor) return;
    this.cursor = shown;
    this.emit('cursor');
  }

  // --- Time --------------------------------------------------------------------------------------------------------

  /** Shows `range` of the trace. */
  setRange(range: TimeRange): void {
    this.time.show(range);
    this.emit('range');
  }

  /** Zooms by `factor` around `center`, or around the cursor's span, or the middle. */
  zoom(factor: number, center = this.centerOfInterest()): void {
    this.time.zoom(factor, center);
    this.emit('range');
  }

  /** Moves the range by a share of its length. */
  pan(share: number): void {
    this.time.pan(share);
    this.emit('range');
  }

  /** Shows as much as `range` has, from `from` on. */
  moveRange(range: TimeRange, from: number): void {
    this.time.moveTo(range, from);
    this.emit('range');
  }

  /** The long idle stretches, once all rows are here; none where cutting them out would not be worth it. */
  idleCuts(): Cuts {
    if (!this.complete) return UNCUT;
    if (!this.idle) {
      const cuts = new Cuts(cutsOf(this.skeleton, this.full));
      this.idle = cuts.total >= lengthOf(this.full) * CUTS_WORTH_SHARE ? cuts : UNCUT;
    }
    return this.idle;
  }

  /** Cuts long idle stretches out of the time that is shown, or shows all of it. */
  setCutIdle(cut: boolean): void {
    this.cutIdle = cut;
    this.cut();
    this.emit('options');
  }

  private cut(): void {
    this.time.cuts = this.cutIdle ? this.idleCuts() : UNCUT;
  }

  /** Shows the cursor's span with a little around it. */
  fitCursor(): void {
    if (this.cursor === -1 || this.skeleton.hasNoStart(this.cursor)) return;
    const { start, duration } = this.skeleton.columns;
    const from = start[this.cursor] as number;
    const length =
      Math.abs(duration[this.cursor] as number) || (this.range.to - this.range.from) / 10;
    this.setRange({ from: from - length * 0.05, to: from + length * 1.05 });
  }

  private centerOfInterest(): number {
    const { from, to } = this.range;
    const { start, duration } = this.skeleton.columns;
    if (this.cursor !== -1) {
      const middle = (start[this.cursor] as number) + (duration[this.cursor] as number) / 2;
      if (middle >= from && middle <= to) return middle;
    }
    return (from + to) / 2;
  }

  // --- Find --------------------------------------------------------------------------------------------------------

  get find(): Find {
    return this.finding.find;
  }

  /** Looks for `text`, without moving the cursor: in names at once, on the server a moment later. */
  setFind(text: string): void {
    // Rows of an answer are those of the whole trace.
    this.finding.look(text, this.complete);
  }

  /** Leaves out the spans that do not match, or shows them again. */
  setOnlyMatches(only: boolean): void {
    this.onlyMatches = only;
    this.narrow();
    this.emit('options');
  }

  /** Takes up which spans match; where none does, none is left out. */
  private narrow(): void {
    const { matches } = this.find;
    const only = this.onlyMatches && matches.length > 0 ? matches : undefined;
    if (!only && !this.visible.isNarrowed) return;
    this.visible.setOnly(only);
    this.leaveHidden();
    this.emit('rows');
  }

  /** Asks again after a failure. */
  retryFind(): void {
    this.setFind(this.find.text);
  }

  /** Forgets a question that is on its way. */
  stopFinding(): void {
    this.finding.stop();
  }

  /** Moves the cursor to the next or previous match, going round at the end. */
  moveToMatch(by: 1 | -1): void {
    const row = this.finding.step(by, this.cursor);
    if (row === undefined) return;
    this.setCursor(row, 'center');
    this.emit('find');
  }
}

const wholeOf = ({ head }: Skeleton): TimeRange => ({
  from: 0,
  to: Math.max(1, Number(head.duration_ns)),
});

function errorRows({ columns, count }: Skeleton): Uint32Array {
  const found: number[] = [];
  for (let row = 0; row < count; row++) if (columns.status[row] === STATUS_ERROR) found.push(row);
  return Uint32Array.from(found);
}

function sumOf(column: Int32Array, count: number): number {
  let sum = 0;
  for (let row = 0; row < count; row++) sum += column[row] as number;
  return sum;
}
