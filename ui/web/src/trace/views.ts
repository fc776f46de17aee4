// The ways a trace is shown, and what each of them does with the keys that move.

/** Ways to show a trace, in the order of their tabs and keys. */
export const VIEWS = ['waterfall', 'flame', 'table', 'events', 'json'] as const;
export type View = (typeof VIEWS)[number];

/** What the page asks of the view that is shown. */
export interface ViewControl {
  /** The element that has the view's keyboard focus. */
  readonly focus: HTMLElement;
  /** Moves by rows or frames: down and up, or right and left. */
  move: (by: { x?: 1 | -1; y?: 1 | -1 }) => void;
  /** Moves to the first or the last row. */
  moveToEnd: (last: boolean) => void;
  /** Moves by what fits the view. */
  page: (by: 1 | -1) => void;
  /** Opens what the cursor is on. */
  enter: () => void;
}
