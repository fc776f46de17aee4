// What the keys do on the trace page.

import type { Shortcuts } from '../shell/shortcuts';
import type { TraceStore } from './store';

/** What keys need besides the store. */
export interface KeyTargets {
  openPanel: () => void;
  closePanel: () => void;
  focusFind: () => void;
  page: (by: 1 | -1) => void;
  /** True when the key was pressed in the waterfall itself. */
  inGrid: (event: KeyboardEvent) => boolean;
}

/** Shortcuts of the trace page. Arrows, Home, End and so on work only in the waterfall: elsewhere they scroll. */
export function traceKeys(store: TraceStore, targets: KeyTargets): Shortcuts {
  const { inGrid } = targets;
  const inGridOnly = (run: () => void) => (event: KeyboardEvent) => {
    if (!inGrid(event)) return false;
    run();
    return undefined;
  };
  /** Enter and space belong to a focused button or link. */
  const unlessControl = (run: () => void) => (event: KeyboardEvent) => {
    if (
      event.target instanceof Element &&
      event.target.closest('button, a, [role=tab], [role=slider]')
    )
      return false;
    run();
    return undefined;
  };
  return {
    j: () => store.move(1),
    k: () => store.move(-1),
    h: () => store.closeOrParent(),
    l: () => store.openOrChild(),
    J: () => store.moveToSibling(1),
    K: () => store.moveToSibling(-1),
    c: () => store.setCritical(!store.critical),
    r: () => store.setFolding(!store.visible.folding),
    e: () => store.moveToError(1),
    E: () => store.moveToError(-1),
    '[': () => store.stepLevel(true),
    ']': () => store.stepLevel(false),
    '{': () => store.collapseAll(true),
    '}': () => store.collapseAll(false),
    w: () => store.zoom(0.6),
    s: () => store.zoom(1 / 0.6),
    a: () => store.pan(-0.2),
    d: () => store.pan(0.2),
    '0': () => store.setRange(store.full),
    '.': () => store.fitCursor(),
    f: () => targets.focusFind(),
    n: () => store.moveToMatch(1),
    N: () => store.moveToMatch(-1),
    Escape: () => targets.closePanel(),
    Enter: unlessControl(targets.openPanel),
    ' ': unlessControl(targets.openPanel),
    ArrowDown: inGridOnly(() => store.move(1)),
    ArrowUp: inGridOnly(() => store.move(-1)),
    ArrowLeft: inGridOnly(() => store.closeOrParent()),
    ArrowRight: inGridOnly(() => store.openOrChild()),
    Home: inGridOnly(() => store.moveToEnd(false)),
    End: inGridOnly(() => store.moveToEnd(true)),
    PageDown: inGridOnly(() => targets.page(1)),
    PageUp: inGridOnly(() => targets.page(-1)),
  };
}
