// Two traces laid on each other: what B does longer, more often or not at all.

import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { ArrowDown, ArrowUp, ArrowRightLeft, FoldVertical } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState, type FormEvent } from 'react';

import { lastExplore } from '../explore/lastExplore';
import { formatDuration } from '../lib/duration';
import { formatCount, oneLine, plural } from '../lib/text';
import { parseTraceId } from '../lib/traceId';
import { instantParts, zoneName } from '../lib/zone';
import { ErrorPanel } from '../shell/ErrorPanel';
import { Page } from '../shell/pages';
import { changed, type CompareSearch } from '../shell/search';
import shell from '../shell/shell.module.css';
import { useShortcuts } from '../shell/shortcuts';
import { formatMs, StatusLine } from '../shell/StatusLine';
import { Waiting } from '../shell/Waiting';
import { useZone } from '../shell/useZone';
import type { Skeleton } from '../trace/skeleton';
import { Button, classes, Icon, IconButton, Kbd, Service } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { copyText } from '../ui/copy';
import { Comparison, type Missing, type Ranked } from './comparison';
import styles from './compare.module.css';
import { CompareGrid, signed } from './grid';
import { PairPanel } from './PairPanel';
import { KIND_NAMES } from '../trace/rows';
import { useTraces } from './useTraces';

/** Entries of the list of differences that are drawn. */
const RANKED_MAX = 50;

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

/** Asks for the traces that are not there yet. */
function Choose({ search }: { search: CompareSearch }) {
  const navigate = useNavigate({ from: '/compare' });
  const [typed, setTyped] = useState({ a: search.a ?? '', b: search.b ?? '' });
  const [message, setMessage] = useState<string>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const first = parseTraceId(typed.a);
    const second = parseTraceId(typed.b);
    if (!first.ok || !second.ok) {
      setMessage(
        first.ok ? (second.ok ? undefined : `B: ${second.message}`) : `A: ${first.message}`,
      );
      return;
    }
    void navigate({ search: changed(search, { a: first.traceId, b: second.traceId }) });
  };
  return (
    <Page title="Compare">
      <form className={shell.center} onSubmit={submit}>
        <h1 className={shell.big}>Compare two traces</h1>
        <p className={shell.lead}>
          Mark two traces in <Link to="/explore">Explore</Link>, or paste their ids here.
        </p>
        {(['a', 'b'] as const).map((side) => (
          <label key={side} className={styles.choose}>
            <b className={styles[side]}>{side.toUpperCase()}</b>
            <span className={controls.field}>
              <input
                className="mono"
                aria-label={`Trace ${side.toUpperCase()}`}
                placeholder="Trace id or traceparent"
                autoComplete="off"
                spellCheck={false}
                value={typed[side]}
                onChange={(event) => setTyped({ ...typed, [side]: event.target.value })}
              />
            </span>
          </label>
        ))}
        {message && (
          <p className="err" role="alert">
            {message}
          </p>
        )}
        <Button look="primary" size="tall" type="submit">
          Compare
        </Button>
      </form>
    </Page>
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
      <StatusLine failed={state.phase === 'failed'} />
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

function Sides({ comparison }: { comparison: Comparison }) {
  const { a, b } = comparison;
  const delta = Number(b.head.duration_ns) - Number(a.head.duration_ns);
  const factor = Number(b.head.duration_ns) / Number(a.head.duration_ns || 1n);
  const spans = b.count - a.count;
  const words = [
    factor >= 1.05 && `${factor.toFixed(1)}× slower`,
    factor <= 0.95 && factor > 0 && `${(1 / factor).toFixed(1)}× faster`,
    spans !== 0 && plural(Math.abs(spans), spans > 0 ? 'more span' : 'fewer span'),
  ].filter(Boolean);
  return (
    <section className={styles.sides} aria-label="The two traces">
      <SideCard side="a" skeleton={a} />
      <div className={styles.middle}>
        <b>{signed(delta)}</b>
        <span className="t2">{words.join(', ') || 'about the same'}</span>
      </div>
      <SideCard side="b" skeleton={b} />
    </section>
  );
}

function SideCard({ side, skeleton }: { side: 'a' | 'b'; skeleton: Skeleton }) {
  const [zone] = useZone();
  const { head } = skeleton;
  const { date, time } = instantParts(head.start_time_unix_nano, zone, 3);
  return (
    <div className={styles.card}>
      <span className={classes(styles.badge, styles[`badge_${side}`])}>{side.toUpperCase()}</span>
      <div className={styles.cardText}>
        <h2>
          <Service name={head.root_service_name} />
          <bdi className="mono ell" title={oneLine(head.root_name)}>
            {oneLine(head.root_name) || '(no name)'}
          </bdi>
        </h2>
        <div className={styles.sub}>
          <Link className="mono" to="/trace/$traceId" params={{ traceId: head.trace_id }}>
            {head.trace_id.replace(/^0{16}/, '').slice(0, 8)}
          </Link>
          <span className="ell" title={date}>
            {time} {zoneName(zone, head.start_time_unix_nano)}
          </span>
          <span className="wide-only">{plural(head.span_count, 'span')}</span>
          <span className="wide-only">{plural(head.services.length, 'service')}</span>
          <span className={classes('wide-only', head.error_count > 0 && 'err')}>
            {plural(head.error_count, 'error')}
          </span>
        </div>
      </div>
      <span className={styles.length}>{formatDuration(head.duration_ns)}</span>
    </div>
  );
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

/** The comparison in one sentence. */
function Verdict({ comparison }: { comparison: Comparison }) {
  const { a, b, ranked } = comparison;
  const delta = Number(b.head.duration_ns) - Number(a.head.duration_ns);
  const [first] = ranked;
  if (!first) return <p className={styles.verdict}>The two traces are alike in every span.</p>;
  const grown = first.selfB - first.selfA;
  return (
    <p className={styles.verdict}>
      Most of the difference is work of <Service name={first.service} />{' '}
      <bdi className="mono">{oneLine(first.name, 120) || '(no name)'}</bdi>: <b>{signed(grown)}</b>
      {delta !== 0 && Math.sign(delta) === Math.sign(grown) && (
        <> while the whole trace differs by {signed(delta)}</>
      )}
      {first.countA !== first.countB && (
        <>
          ; {plural(first.countA, 'call')} became {formatCount(first.countB)}
        </>
      )}
      .
    </p>
  );
}

interface RankedProps {
  comparison: Comparison;
  pair: number | undefined;
  onShow: (pair: number) => void;
}

function RankedList({ comparison, pair, onShow }: RankedProps) {
  const { ranked, onlyA, onlyB } = comparison;
  const most = ranked.reduce((max, entry) => Math.max(max, Math.abs(sizeOf(entry))), 1);
  const shown = ranked.slice(0, RANKED_MAX);
  return (
    <>
      <h2 className={styles.listHead}>
        Ranked differences <span className="t3">by self time</span>
      </h2>
      {ranked.length === 0 && <p className={styles.empty}>No span differs.</p>}
      <ol>
        {shown.map((entry, i) => (
          <li key={`${entry.service} ${entry.name} ${entry.kind}`}>
            <RankedEntry
              entry={entry}
              place={i + 1}
              share={Math.abs(sizeOf(entry)) / most}
              current={entry.pair === pair}
              onShow={onShow}
            />
          </li>
        ))}
      </ol>
      {ranked.length > shown.length && (
        <p className={styles.empty}>{plural(ranked.length - shown.length, 'smaller one')}.</p>
      )}
      <MissingList side="A" missing={onlyA} onShow={onShow} />
      <MissingList side="B" missing={onlyB} onShow={onShow} />
    </>
  );
}

const sizeOf = ({ selfA, selfB }: Ranked): number => selfB - selfA;

function RankedEntry(props: {
  entry: Ranked;
  place: number;
  share: number;
  current: boolean;
  onShow: (pair: number) => void;
}) {
  const { entry, place, share, current, onShow } = props;
  const { countA, countB, selfA, selfB } = entry;
  const kind = KIND_NAMES[entry.kind];
  return (
    <button
      type="button"
      className={styles.entry}
      aria-current={current}
      onClick={() => onShow(entry.pair)}
    >
      <span className="num t3">{place}</span>
      <span className={styles.entryName}>
        <Service name={entry.service} />
        <span className="t3">{countA === countB ? `${countA}×` : `${countA}× → ${countB}×`}</span>
      </span>
      <b className="num">{signed(selfB - selfA)}</b>
      <span className={classes('mono ell t2', styles.second)}>
        {kind && kind !== 'internal' ? `${kind} ` : ''}
        <bdi>{oneLine(entry.name, 120) || '(no name)'}</bdi>
      </span>
      <span className="num t3">
        {formatDuration(selfA)} → {formatDuration(selfB)}
      </span>
      <span className={styles.meter}>
        <i
          style={{
            width: `${share * 100}%`,
            background: selfB >= selfA ? 'var(--b)' : 'var(--a)',
          }}
        />
      </span>
    </button>
  );
}

function MissingList(props: {
  side: 'A' | 'B';
  missing: readonly Missing[];
  onShow: (pair: number) => void;
}) {
  const { side, missing, onShow } = props;
  if (missing.length === 0) return null;
  const spans = missing.reduce((sum, entry) => sum + entry.spans, 0);
  return (
    <>
      <h2 className={styles.listHead}>
        Only in {side} <span className="t3">{plural(spans, 'span')}</span>
      </h2>
      <ul>
        {missing.slice(0, RANKED_MAX).map((entry) => (
          <li key={`${entry.service} ${entry.name}`}>
            <button type="button" className={styles.entry} onClick={() => onShow(entry.pair)}>
              <span className={classes('num', side === 'A' ? styles.a : styles.b)}>
                {side === 'A' ? '−' : '+'}
              </span>
              <span className={styles.entryName}>
                <Service name={entry.service} />
                <span className="t3">{formatCount(entry.count)}×</span>
              </span>
              <b className="num">{formatDuration(entry.duration)}</b>
              <span className={classes('mono ell t2', styles.second)}>
                <bdi>{oneLine(entry.name, 120) || '(no name)'}</bdi>
              </span>
              <span className="num t3">{plural(entry.spans, 'span')}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
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
