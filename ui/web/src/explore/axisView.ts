// Zooming and moving the time axis of the heatmap: each step is drawn at once from the counts that are here; the search is
// asked for when the steps rest.

import { PAN_STEP, panned, zoomed, ZOOM_STEP, type Span } from './zoom';

/** What is shown now, and what becomes of another range. */
export interface AxisNow {
  /** The range of the search. */
  range: Span;
  limits: Span;
  /** Asks for another range. */
  show: (next: Span) => void;
  /** The range from before zooming, if there was any. */
  reset: (() => void) | undefined;
}

/** Pause after the last step, ms. */
const REST_MS = 300;

/** See the module. */
export class AxisView {
  private now: AxisNow | undefined;
  private draw: ((range: Span) => void) | undefined;
  private wanted: Span | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Takes up what is shown now. */
  take(now: AxisNow): void {
    this.now = now;
  }

  /** What draws a range before it is asked for, until the returned function is called. */
  drawWith(draw: (range: Span) => void): () => void {
    this.draw = draw;
    return () => {
      if (this.draw === draw) this.draw = undefined;
    };
  }

  /** Zooms by `factor`; what lies at the share `at` of the axis stays. */
  zoom(factor: number, at = 0.5): void {
    this.step((range, limits) => zoomed(range, factor, at, limits));
  }

  zoomIn(at?: number): void {
    this.zoom(ZOOM_STEP, at);
  }

  zoomOut(at?: number): void {
    this.zoom(1 / ZOOM_STEP, at);
  }

  /** Moves by a share of the axis. */
  pan(share: number): void {
    this.step((range, limits) => panned(range, share, limits));
  }

  earlier(): void {
    this.pan(-PAN_STEP);
  }

  later(): void {
    this.pan(PAN_STEP);
  }

  /** The range from before zooming. */
  reset(): void {
    this.stop();
    this.now?.reset?.();
  }

  /** Forgets steps that were not asked for yet. */
  stop(): void {
    clearTimeout(this.timer);
    this.wanted = undefined;
  }

  private step(change: (range: Span, limits: Span) => Span): void {
    const { now } = this;
    if (!now) return;
    const range = this.wanted ?? now.range;
    const next = change(range, now.limits);
    if (next.start === range.start && next.end === range.end) return;
    this.wanted = next;
    this.draw?.(next);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.wanted = undefined;
      this.now?.show(next);
    }, REST_MS);
  }
}
