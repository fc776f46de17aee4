// The flame graph with a line of words about the frame under the cursor or the pointer.

import { useEffect, useMemo, useRef } from 'react';

import { formatDuration } from '../lib/duration';
import { oneLine, plural } from '../lib/text';
import { flameOf, type Flame } from './flame';
import { FlameGraph } from './flameGraph';
import type { TraceStore } from './store';
import { useStore } from './useStore';
import styles from './views.module.css';
import type { ViewControl } from './views';

/** See the module. */
export function FlameView(props: {
  store: TraceStore;
  onOpen: (row: number) => void;
  onMount: (view: ViewControl | undefined) => void;
}) {
  const { store, onOpen, onMount } = props;
  const complete = useStore(store, ['rows'], (state) => state.complete);
  const revision = useStore(store, ['rows'], (state) => state.revision);
  const flame = useMemo(
    () => (complete ? flameOf(store.skeleton, store.selfTotals()) : undefined),
    // oxlint-disable-next-line react/exhaustive-deps -- `revision` tells one state of the trace from another
    [store, complete, revision],
  );
  const host = useRef<HTMLDivElement>(null);
  const words = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (!host.current || !flame) return undefined;
    const say = (node: number): void => {
      if (words.current) words.current.textContent = describe(store, flame, node);
    };
    const graph = new FlameGraph(host.current, store, flame, say, onOpen);
    say(0);
    onMount(graph);
    return () => {
      onMount(undefined);
      graph.destroy();
    };
  }, [store, flame, onOpen, onMount]);
  return (
    <div className={styles.view}>
      <div className={styles.bar}>
        <p ref={words} className={styles.words} role="status" aria-label="Frame" />
        <span className="t3 wide-only">
          Width: time that spans work themselves. Press to zoom, again to open.
        </span>
      </div>
      <div
        ref={host}
        className={styles.flame}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an application takes keys
        tabIndex={0}
        role="application"
        aria-label="Flame graph. Arrow keys move between frames, Enter zooms; the table grouped by service and name has the same figures."
      />
    </div>
  );
}

function describe(store: TraceStore, flame: Flame, node: number): string {
  const { skeleton } = store;
  const row = flame.row[node] as number;
  const total = flame.total[node] as number;
  const share = (total / Math.max(1, flame.total[0] as number)) * 100;
  const name =
    row === -1
      ? 'All spans'
      : `${oneLine(skeleton.serviceName(row), 80)} ${oneLine(skeleton.spanName(row), 160)}`;
  const errors = flame.errors[node] as number;
  return [
    name,
    plural(flame.spans[node] as number, 'span'),
    `${formatDuration(total)} (${share.toFixed(share < 10 ? 1 : 0)} %)`,
    row === -1 ? '' : `self ${formatDuration(flame.self[node] as number)}`,
    errors > 0 && row !== -1 ? plural(errors, 'error') : '',
  ]
    .filter(Boolean)
    .join(', ');
}
