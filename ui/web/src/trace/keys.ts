// What the keys do on the trace page.

import type { Command } from '../shell/commands';
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
    i: () => (store.idleCuts().total > 0 ? store.setCutIdle(!store.cutIdle) : false),
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

/** What the trace page offers in the palette. */
export function traceCommands(store: TraceStore, targets: KeyTargets): Command[] {
  const { visible, errors, critical, range, full } = store;
  const command = (name: string, keys: string, run: () => void): Command => ({
    name,
    group: 'Trace',
    keys,
    run,
  });
  const words = ['waterfall', 'flame graph', 'table', 'events', 'JSON'];
  return [
    command('Find in the trace', 'f', () => targets.focusFind()),
    ...VIEWS.map((view, i) =>
      command(`Show as ${words[i]}`, String(i + 1), () => store.setView(view)),
    ),
    command('Collapse all', '{', () => store.collapseAll(true)),
    command('Expand all', '}', () => store.collapseAll(false)),
    command(critical ? 'Hide the critical path' : 'Show the critical path', 'c', () =>
      store.setCritical(!critical),
    ),
    command(visible.folding ? 'Show repeats one by one' : 'Fold repeats', 'r', () =>
      store.setFolding(!visible.folding),
    ),
    ...(store.idleCuts().total > 0
      ? [
          command(store.cutIdle ? 'Show idle time' : 'Cut out idle time', 'i', () =>
            store.setCutIdle(!store.cutIdle),
          ),
        ]
      : []),
    ...(errors.length > 0
      ? [
          command('Next error', 'e', () => store.moveToError(1)),
          command('Previous error', 'E', () => store.moveToError(-1)),
        ]
      : []),
    ...(range === full
      ? []
      : [command('Show the whole time of the trace', '0', () => store.setRange(full))]),
    command('Compare with another trace', 'x', () => targets.compare()),
  ];
}
