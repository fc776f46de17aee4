// What the keys do on the trace page.

import type { Shortcuts } from '../shell/shortcuts';
import type { TraceStore } from './store';
import { VIEWS, type ViewControl } from './views';

/** What keys need besides the store. */
export interface KeyTargets {
  closePanel: () => void;
  focusFind: () => void;
  compare: () => void;
  /** The view that is shown, once it is. */
  view: () => ViewControl | undefined;
}

/** Shortcuts of the trace page. Arrows, Home, End and so on work only in the view: elsewhere they scroll. */
export function traceKeys(store: TraceStore, targets: KeyTargets): Shortcuts {
  const { view } = targets;
  const inViewOnly = (run: () => void) => (event: KeyboardEvent) => {
    // Nothing focused counts as the view: it is what the page is about.
    if (event.target !== view()?.focus && event.target !== document.body) return false;
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
  const down = (): void => view()?.move({ y: 1 });
  const up = (): void => view()?.move({ y: -1 });
  const left = (): void => view()?.move({ x: -1 });
  const right = (): void => view()?.move({ x: 1 });
  const views = Object.fromEntries(
    VIEWS.map((name, i) => [String(i + 1), () => store.setView(name)]),
  );
  return {
    ...views,
    j: down,
    k: up,
    h: left,
    l: right,
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
    x: () => targets.compare(),
    n: () => store.moveToMatch(1),
    N: () => store.moveToMatch(-1),
    Escape: () => targets.closePanel(),
    Enter: unlessControl(() => view()?.enter()),
    ' ': unlessControl(() => view()?.enter()),
    ArrowDown: inViewOnly(down),
    ArrowUp: inViewOnly(up),
    ArrowLeft: inViewOnly(left),
    ArrowRight: inViewOnly(right),
    Home: inViewOnly(() => view()?.moveToEnd(false)),
    End: inViewOnly(() => view()?.moveToEnd(true)),
    PageDown: inViewOnly(() => view()?.page(1)),
    PageUp: inViewOnly(() => view()?.page(-1)),
  };
}
