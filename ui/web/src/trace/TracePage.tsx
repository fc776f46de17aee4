// One trace: facts, minimap, waterfall, the span under the cursor.

import { useNavigate, useParams } from '@tanstack/react-router';
import { Info } from 'lucide-react';
import {
  lazy,
  Suspense,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  type ComponentType,
} from 'react';

import type { TraceHead } from '../api/types';
import { formatDuration } from '../lib/duration';
import { oneLine, plural } from '../lib/text';
import { ErrorPanel } from '../shell/ErrorPanel';
import { Page } from '../shell/pages';
import shell from '../shell/shell.module.css';
import { useCommands } from '../shell/commands';
import { useShortcuts } from '../shell/shortcuts';
import { CoverageBanner, formatMs, StatusLine } from '../shell/StatusLine';
import { Waiting } from '../shell/Waiting';
import { useZone } from '../shell/useZone';
import { Button, classes, Icon, Kbd } from '../ui/controls';
import { FIND_FIELD } from './FindBox';
import { isRootMissing, skewOf } from './health';
import { traceCommands, traceKeys, type KeyTargets } from './keys';
import { Minimap } from './minimap';
import { PanelSplitter } from './PanelSplitter';
import type { Skeleton } from './skeleton';
import { SpanPanel } from './SpanPanel';
import type { TraceStore } from './store';
import { useStore } from './useStore';
import { Tools } from './Tools';
import styles from './trace.module.css';
import { TraceHeader } from './TraceHeader';
import { useGrowth } from './useGrowth';
import { useTrace } from './useTrace';
import { useTraceUrl } from './useTraceUrl';
import type { View, ViewControl } from './views';
import { Waterfall } from './waterfall';

/** See the module. */
export function TracePage() {
  const { traceId } = useParams({ from: '/trace/$traceId' });
  const [attempt, setAttempt] = useState(0);
  const retry = useCallback(() => setAttempt((n) => n + 1), []);
  return <LoadedTrace key={`${traceId} ${attempt}`} traceId={traceId} retry={retry} />;
}

function LoadedTrace({ traceId, retry }: { traceId: string; retry: () => void }) {
  const { state, cancel } = useTrace(traceId);
  if (state.phase === 'shown') {
    return (
      <ShownTrace
        key={state.store.skeleton.head.trace_id}
        store={state.store}
        elapsedMs={state.elapsedMs}
        retry={retry}
      />
    );
  }
  return (
    <Page title="Trace">
      <div className={styles.loading} aria-busy={state.phase === 'loading'}>
        {state.phase === 'failed' && (
          <ErrorPanel
            what={`Trace ${oneLine(traceId, 40)} could not be shown`}
            error={state.error}
            onRetry={retry}
          />
        )}
        {state.phase === 'loading' && <Skeletons onCancel={cancel} />}
        {state.phase === 'cancelled' && (
          <p className={styles.stateText}>
            Cancelled <Button onClick={retry}>Load again</Button>
          </p>
        )}
      </div>
      <StatusLine
        failed={state.phase === 'failed'}
        idle={state.phase === 'cancelled' ? 'Cancelled' : undefined}
      />
    </Page>
  );
}

function Skeletons({ onCancel }: { onCancel: () => void }) {
  return (
    <>
      <Waiting
        what="Loading the trace…"
        advice="It may be very large, or the server busy."
        onCancel={onCancel}
      />
      {[38, 62, 55, 47, 70, 32, 58, 44, 66, 51].map((width, i) => (
        <i key={width} style={{ width: `${width}%`, marginLeft: `${i * 12}px` }} />
      ))}
    </>
  );
}

interface ShownProps {
  store: TraceStore;
  elapsedMs: number | undefined;
  retry: () => void;
}

function ShownTrace({ store, elapsedMs, retry }: ShownProps) {
  const [zone] = useZone();
  const head = useStore(store, ['rows'], ({ skeleton }) => skeleton.head);
  const idleNs = useStore(store, ['rows'], (state) => state.idleCuts().total);
  const setControl = useCallback(
    (control: ViewControl | undefined) => store.showIn(control),
    [store],
  );
  const view = useStore(store, ['options'], (state) => state.view);
  const closePanel = useTraceUrl(store);
  const navigate = useNavigate();
  const panelOpen = useStore(store, ['panel'], (state) => state.panelOpen);
  const focusView = () => store.control?.focus.focus({ preventScroll: true });
  const open = useCallback(
    (row: number) => {
      store.setCursor(row);
      store.setPanel(true);
    },
    [store],
  );
  const targets: KeyTargets = {
    closePanel,
    compare: () => void navigate({ to: '/compare', search: { a: head.trace_id } }),
    focusFind: () => document.getElementById(FIND_FIELD)?.focus(),
    view: () => store.control,
  };
  useShortcuts(traceKeys(store, targets));
  useCommands(() => traceCommands(store, targets));
  return (
    <Page title={`${head.root_service_name} ${head.root_name}`} className={styles.page}>
      <TraceHeader head={head} zone={zone} idleNs={idleNs} />
      <Notices store={store} head={head} retry={retry} />
      <MinimapPane store={store} />
      <Tools store={store} focusView={focusView} />
      <div className={classes(styles.body, panelOpen && styles.withPanel)}>
        <div
          className={styles.views}
          id="view-panel"
          role="tabpanel"
          aria-labelledby={`view-${view}`}
        >
          <ViewPane view={view} store={store} onOpen={open} onMount={setControl} />
        </div>
        {panelOpen && <PanelSplitter />}
        {panelOpen && <SpanPanel store={store} zone={zone} onClose={closePanel} />}
      </div>
      <TraceStatus store={store} elapsedMs={elapsedMs} />
    </Page>
  );
}

/** What the reader must know before believing the picture. */
function Notices(props: { store: TraceStore; head: TraceHead; retry: () => void }) {
  const { store, head, retry } = props;
  const complete = useStore(store, ['rows'], (state) => state.complete);
  const { growth, stop, resume } = useGrowth(store, complete);
  const notes = useMemo(
    () => notesOf(store.skeleton, complete),
    // oxlint-disable-next-line react/exhaustive-deps -- `head` tells one state of the trace from another
    [store, head, complete],
  );
  const growing = complete && growth !== 'done';
  return (
    <div>
      <CoverageBanner coverage={head.coverage} />
      {(notes.length > 0 || growing) && (
        <div className={shell.banner}>
          <Icon of={Info} />
          <span role="status">{notes.join(' ')}</span>
          <span className="grow" />
          {growing ? (
            <Growing head={head} isStopped={growth === 'stopped'} stop={stop} resume={resume} />
          ) : (
            isUnfinished(head) && (
              <Button size="small" title="Spans may have come in since" onClick={retry}>
                Load again
              </Button>
            )
          )}
        </div>
      )}
    </div>
  );
}

/** A trace that is looked at again by itself, and how to stop that. */
function Growing(props: {
  head: TraceHead;
  isStopped: boolean;
  stop: () => void;
  resume: () => void;
}) {
  const { head, isStopped, stop, resume } = props;
  return (
    <>
      <span className="t2" role="status">
        {isStopped
          ? 'New spans are not looked for.'
          : `${isUnfinished(head) ? 'Still growing' : 'May still grow'}, ${plural(head.span_count, 'span')} so far.`}
      </span>
      <Button size="small" onClick={isStopped ? resume : stop}>
        {isStopped ? 'Look for new spans' : 'Stop'}
      </Button>
    </>
  );
}

/** True when something is missing that may still arrive. */
const isUnfinished = (head: TraceHead): boolean => head.orphan_count > 0;

function notesOf(skeleton: Skeleton, complete: boolean): string[] {
  const { orphan_count: orphans, truncated_span_count: truncated } = skeleton.head;
  const notes: string[] = [];
  if (truncated > 0)
    notes.push(
      `Only ${plural(skeleton.head.span_count, 'span')} are shown; ${plural(truncated, 'span')} of this trace are left out.`,
    );
  if (complete && isRootMissing(skeleton)) notes.push('The root span is missing.');
  if (orphans > 0)
    notes.push(
      `${plural(orphans, 'span')} ${orphans === 1 ? 'names a parent that is' : 'name parents that are'} not here; they are shown at the top level. They may still arrive.`,
    );
  const skew = complete ? skewOf(skeleton) : undefined;
  if (skew)
    notes.push(
      `${plural(skew.spans, 'span starts', 'spans start')} before the parent in another service, by up to ${formatDuration(skew.most)}: the clocks of ${oneLine(skew.child, 60)} and ${oneLine(skew.parent, 60)} differ. Times are shown as they were sent.`,
    );
  return notes;
}

function MinimapPane({ store }: { store: TraceStore }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!host.current) return undefined;
    const minimap = new Minimap(host.current, store);
    return () => minimap.destroy();
  }, [store]);
  return <div ref={host} role="group" aria-label="Shown range of the trace" />;
}

interface ViewProps {
  store: TraceStore;
  onOpen: (row: number) => void;
  onMount: (view: ViewControl | undefined) => void;
}

// The other views come when they are asked for: the first rows are not to wait for them.
const FlameView = lazy(() => import('./FlameView').then((m) => ({ default: m.FlameView })));
const TableView = lazy(() => import('./TableView').then((m) => ({ default: m.TableView })));
const EventsView = lazy(() => import('./OtlpViews').then((m) => ({ default: m.EventsView })));
const JsonView = lazy(() => import('./OtlpViews').then((m) => ({ default: m.JsonView })));

const PANES: Record<View, ComponentType<ViewProps>> = {
  waterfall: WaterfallPane,
  flame: FlameView,
  table: TableView,
  events: EventsView,
  json: JsonView,
};

function ViewPane({ view, ...props }: ViewProps & { view: View }) {
  const Pane = PANES[view];
  return (
    <Suspense fallback={<div aria-busy="true" />}>
      <Pane {...props} />
    </Suspense>
  );
}

function WaterfallPane(props: ViewProps) {
  const { store, onOpen, onMount } = props;
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!host.current) return undefined;
    const waterfall = new Waterfall(host.current, store, onOpen);
    onMount(waterfall);
    return () => {
      onMount(undefined);
      waterfall.destroy();
    };
  }, [store, onOpen, onMount]);
  return <div ref={host} className={styles.host} />;
}

function TraceStatus({ store, elapsedMs }: { store: TraceStore; elapsedMs: number | undefined }) {
  const count = useStore(store, ['rows'], (state) => state.skeleton.count);
  const { head } = store.skeleton;
  const merged = head.duplicates_collapsed ?? 0;
  return (
    <StatusLine
      coverage={head.coverage}
      facts={
        <>
          <span>
            {elapsedMs === undefined
              ? `${plural(count, 'span')} so far`
              : `Loaded in ${formatMs(elapsedMs)}`}
          </span>
          {merged > 0 && <span className="wide-only">{plural(merged, 'duplicate')} merged</span>}
        </>
      }
    >
      <span className="row wide-only">
        <Kbd>j</Kbd>
        <Kbd>k</Kbd> row
      </span>
      <span className="row wide-only">
        <Kbd>e</Kbd> next error
      </span>
      <span className="row wide-only">
        <Kbd>?</Kbd> all keys
      </span>
    </StatusLine>
  );
}
