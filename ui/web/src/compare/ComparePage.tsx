// Two traces laid on each other: what B does longer, more often or not at all.

import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { ArrowDown, ArrowUp, ArrowRightLeft, FoldVertical } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';

import { lastExplore } from '../explore/lastExplore';
import { formatCount } from '../lib/text';
import { ErrorPanel } from '../shell/ErrorPanel';
import { Page } from '../shell/pages';
import { changed, type CompareSearch } from '../shell/search';
import shell from '../shell/shell.module.css';
import { useShortcuts } from '../shell/shortcuts';
import { formatMs, StatusLine } from '../shell/StatusLine';
import { Waiting } from '../shell/Waiting';
import type { Skeleton } from '../trace/skeleton';
import { Button, Icon, IconButton, Kbd } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { copyText } from '../ui/copy';
import { Choose } from './Choose';
import { Comparison } from './comparison';
import styles from './compare.module.css';
import { RankedList, Verdict } from './Differences';
import { CompareGrid } from './grid';
import { PairPanel } from './PairPanel';
import { Sides } from './Sides';
import { useTraces } from './useTraces';

/** See the module. */
export function ComparePage() {
  const search = useSearch({ from: '/compare' });
  const [attempt, setAttempt] = useState(0);
  const { a, b } = search;
  if (!a || !b) return <Choose search={search} />;
  return (
    <Loaded
      key={`${a} ${b} ${attempt}`}
      a={a}
      b={b}
      search={search}
      retry={() => setAttempt((n) => n + 1)}
    />
  );
}

interface LoadedProps {
  a: string;
  b: string;
  search: CompareSearch;
  retry: () => void;
}

function Loaded({ a, b, search, retry }: LoadedProps) {
  const { state, cancel } = useTraces(a, b);
  if (state.phase === 'shown')
    return <Shown a={state.a} b={state.b} search={search} loadedMs={state.elapsedMs} />;
  return (
    <Page title="Compare">
      <div className={shell.center} aria-busy={state.phase === 'loading'}>
        <h1 className="sr">Compare</h1>
        {state.phase === 'loading' && <Waiting what="Loading both traces…" onCancel={cancel} />}
        {state.phase === 'cancelled' && (
          <p className={shell.lead}>
            Cancelled. <Button onClick={retry}>Load again</Button>
          </p>
        )}
        {state.phase === 'failed' &&
          state.failures.map(({ side, error }) => (
            <ErrorPanel
              key={side}
              what={`Trace ${side.toUpperCase()} could not be loaded`}
              error={error}
              onRetry={retry}
            />
          ))}
      </div>
      <StatusLine
        failed={state.phase === 'failed'}
        idle={state.phase === 'cancelled' ? 'Cancelled' : undefined}
      />
    </Page>
  );
}

interface ShownProps {
  a: Skeleton;
  b: Skeleton;
  search: CompareSearch;
  loadedMs: number;
}

function Shown({ a, b, search, loadedMs }: ShownProps) {
  const navigate = useNavigate({ from: '/compare' });
  const atParent = search.align === 'parent';
  const comparison = useMemo(() => new Comparison(a, b, atParent), [a, b, atParent]);
  const fold = search.fold !== 'no';
  const [grid, setGrid] = useState<CompareGrid>();
  const change = useCallback(
    (changes: Partial<Record<keyof CompareSearch, string | undefined>>, replace = true) =>
      void navigate({ search: (old) => changed(old, changes), replace }),
    [navigate],
  );
  const swap = () => change({ a: search.b, b: search.a, row: undefined }, false);
  const toggleFold = () => change({ fold: fold ? 'no' : undefined });
  const pair = rowOf(search, comparison);
  const onCursor = useCallback((next: number) => change({ row: String(next) }), [change]);
  useShortcuts({
    j: () => grid?.step(1),
    k: () => grid?.step(-1),
    ArrowDown: () => grid?.step(1),
    ArrowUp: () => grid?.step(-1),
    ArrowRight: () => grid?.open(),
    ArrowLeft: () => grid?.close(),
    l: () => grid?.open(),
    h: () => grid?.close(),
    PageDown: () => grid?.step(grid.page),
    PageUp: () => grid?.step(-grid.page),
    Home: () => grid?.moveTo(0),
    End: () => grid?.last(),
    n: () => grid?.nextDifference(1),
    N: () => grid?.nextDifference(-1),
    x: swap,
    f: toggleFold,
    y: () => void copyText(location.href),
  });
  const show = (wanted: number) => {
    grid?.show(wanted);
    grid?.focus();
  };
  return (
    <Page title="Compare" className={styles.page}>
      <h1 className="sr">Compare</h1>
      <Sides comparison={comparison} />
      <div className={styles.tools}>
        <span className="t3 wide-only">Aligned by service, span name, kind and order</span>
        <span className="grow" />
        <span className="t2" id="align-at">
          Align at
        </span>
        <div className={controls.segments} role="group" aria-labelledby="align-at">
          {(['start', 'parent'] as const).map((where) => (
            <button
              key={where}
              type="button"
              aria-pressed={(search.align === 'parent') === (where === 'parent')}
              onClick={() => change({ align: where === 'parent' ? 'parent' : undefined })}
            >
              {where === 'start' ? 'Start' : 'Each parent'}
            </button>
          ))}
        </div>
        <Button aria-pressed={fold} onClick={toggleFold} title="Fold what is alike (f)">
          <Icon of={FoldVertical} />
          Fold alike
        </Button>
        <IconButton icon={ArrowRightLeft} label="Swap A and B (x)" onClick={swap} />
        <IconButton
          icon={ArrowUp}
          label="Previous difference (N)"
          onClick={() => grid?.nextDifference(-1)}
        />
        <Button onClick={() => grid?.nextDifference(1)} title="Next difference (n)">
          <Icon of={ArrowDown} />
          <span className="medium-only">Next difference</span>
        </Button>
      </div>
      <div className={styles.body}>
        <TreePane
          key={String(fold)}
          comparison={comparison}
          fold={fold}
          first={pair}
          onMount={setGrid}
          onCursor={onCursor}
        />
        <aside className={styles.side} aria-label="Differences">
          <Verdict comparison={comparison} />
          {pair !== undefined && <PairPanel comparison={comparison} pair={pair} />}
          <RankedList comparison={comparison} pair={pair} onShow={show} />
        </aside>
      </div>
      <Bottom comparison={comparison} loadedMs={loadedMs} />
    </Page>
  );
}

function rowOf({ row }: CompareSearch, { alignment }: Comparison): number | undefined {
  const pair = Number(row);
  return row !== undefined && Number.isInteger(pair) && pair >= 0 && pair < alignment.count
    ? pair
    : undefined;
}

interface TreeProps {
  comparison: Comparison;
  fold: boolean;
  /** Pair to begin with. */
  first: number | undefined;
  onMount: (grid: CompareGrid | undefined) => void;
  onCursor: (pair: number) => void;
}

function TreePane({ comparison, fold, first, onMount, onCursor }: TreeProps) {
  const host = useRef<HTMLDivElement>(null);
  const axis = useRef<HTMLDivElement>(null);
  const begin = useRef(first);
  useEffect(() => {
    begin.current = first;
  }, [first]);
  useEffect(() => {
    if (!host.current || !axis.current) return undefined;
    const grid = new CompareGrid(host.current, axis.current, comparison, fold, onCursor);
    onMount(grid);
    if (begin.current !== undefined) grid.show(begin.current);
    return () => {
      onMount(undefined);
      grid.destroy();
    };
  }, [comparison, fold, onMount, onCursor]);
  return (
    <section className={styles.tree} aria-label="Aligned spans">
      <div className={styles.head} aria-hidden="true">
        <span>Span</span>
        <div ref={axis} className={styles.axis} />
        <span className="num">
          <b className={styles.a}>A</b>
        </span>
        <span className="num">
          <b className={styles.b}>B</b>
        </span>
        <span className={styles.scaleHead}>
          <span>less</span>
          <span>more</span>
        </span>
        <span className="num">B − A</span>
      </div>
      <div
        ref={host}
        className={styles.scroll}
        role="treegrid"
        aria-label="Aligned spans"
        tabIndex={0}
      />
    </section>
  );
}

function Bottom({ comparison, loadedMs }: { comparison: Comparison; loadedMs: number }) {
  const { a, b, counts } = comparison;
  const both = [a.head.coverage, b.head.coverage];
  const coverage = {
    complete: both.every(({ complete }) => complete),
    segments_total: 0,
    segments_read: 0,
    reasons: both.flatMap(({ reasons }) => reasons),
    elapsed_ms: loadedMs,
  };
  return (
    <StatusLine
      coverage={coverage}
      facts={
        <>
          <span className="wide-only">Aligned in {formatMs(comparison.tookMs)}</span>
          <span>
            {formatCount(counts.paired)} spans aligned, {formatCount(counts.onlyA)} only in A,{' '}
            {formatCount(counts.onlyB)} only in B
          </span>
        </>
      }
    >
      <span className="row wide-only">
        <Kbd>n</Kbd> next difference
      </span>
      <span className="row wide-only">
        <Kbd>x</Kbd> swap
      </span>
      <Link className="wide-only" to="/explore" search={lastExplore()}>
        Back to results
      </Link>
    </StatusLine>
  );
}
