// The line above the waterfall: collapsing, errors, services, what is drawn, zoom, find.

import {
  Activity,
  ChevronDown,
  ChevronsDownUp,
  ChevronsUpDown,
  ChevronUp,
  FoldVertical,
  Minus,
  Plus,
  Route,
  TriangleAlert,
  ZoomIn,
  ZoomOut,
  type LucideIcon,
} from 'lucide-react';

import { formatDuration } from '../lib/duration';
import { formatCount, plural } from '../lib/text';
import { Button, classes, Icon, IconButton, Tabs, type TabItem } from '../ui/controls';
import type { Cuts } from './cuts';
import { FindBox } from './FindBox';
import { formatPosition } from './layout';
import { ServiceFilter } from './ServiceFilter';
import type { TraceStore } from './store';
import { useStore } from './useStore';
import styles from './trace.module.css';
import { VIEWS, type View } from './views';

/** See the module. */
export function Tools({ store, focusView }: { store: TraceStore; focusView: () => void }) {
  const view = useStore(store, ['options'], (state) => state.view);
  const isWaterfall = view === 'waterfall';
  return (
    <div className={styles.tools}>
      <Views store={store} view={view} />
      {isWaterfall && <Levels store={store} />}
      <span className="grow" />
      {view !== 'json' && <Errors store={store} />}
      {(isWaterfall || view === 'table' || view === 'events') && <ServiceFilter store={store} />}
      {isWaterfall && <Toggles store={store} />}
      {isWaterfall && <Zoom store={store} />}
      {(isWaterfall || view === 'flame') && <FindBox store={store} focusGrid={focusView} />}
    </div>
  );
}

const WORDS: Record<View, string> = {
  waterfall: 'Waterfall',
  flame: 'Flame graph',
  table: 'Table',
  events: 'Events',
  json: 'JSON',
};

function Views({ store, view }: { store: TraceStore; view: View }) {
  const events = useStore(store, ['rows'], ({ eventCount }) => eventCount);
  const items = VIEWS.map((key): TabItem<View> =>
    key === 'events' ? { key, label: WORDS[key], count: events } : { key, label: WORDS[key] },
  );
  return (
    <Tabs
      id="view"
      label="Ways to show the trace"
      items={items}
      selected={view}
      onSelect={(key) => store.setView(key)}
    />
  );
}

function Levels({ store }: { store: TraceStore }) {
  return (
    <>
      <IconButton
        size="small"
        icon={Minus}
        label="Collapse one level ([)"
        onClick={() => store.stepLevel(true)}
      />
      <IconButton
        size="small"
        icon={Plus}
        label="Expand one level (])"
        onClick={() => store.stepLevel(false)}
      />
      <IconButton
        size="small"
        icon={ChevronsDownUp}
        label="Collapse all ({)"
        onClick={() => store.collapseAll(true)}
      />
      <IconButton
        size="small"
        icon={ChevronsUpDown}
        label="Expand all (})"
        onClick={() => store.collapseAll(false)}
      />
    </>
  );
}

/** How many errors there are, which of them the cursor is on, and the way to the next. */
function Errors({ store }: { store: TraceStore }) {
  const count = useStore(store, ['rows'], ({ errors }) => errors.length);
  const at = useStore(store, ['rows', 'cursor'], (state) => state.errorAt());
  if (count === 0) return null;
  const words =
    at === -1 ? plural(count, 'error') : `${formatCount(at + 1)} of ${plural(count, 'error')}`;
  return (
    <div className={styles.errors} role="group" aria-label="Errors">
      <span className="err" role="status">
        <Icon of={TriangleAlert} />
        {words}
      </span>
      <IconButton
        size="small"
        icon={ChevronUp}
        label="Previous error (E)"
        onClick={() => store.moveToError(-1)}
      />
      <IconButton
        size="small"
        icon={ChevronDown}
        label="Next error (e)"
        onClick={() => store.moveToError(1)}
      />
    </div>
  );
}

/** How much of a trace is idle. */
const cutText = ({ stretches, total }: Cuts): string =>
  `${plural(stretches.length, 'stretch', 'stretches')}, ${formatDuration(total)}`;

function Toggles({ store }: { store: TraceStore }) {
  const critical = useStore(store, ['options'], (state) => state.critical);
  const folding = useStore(store, ['options'], ({ visible }) => visible.folding);
  const runs = useStore(store, ['rows'], ({ visible }) => visible.folds.count);
  const cuts = useStore(store, ['rows'], (state) => state.idleCuts());
  const cutIdle = useStore(store, ['options'], (state) => state.cutIdle);
  return (
    <>
      <Toggle
        icon={Route}
        label="Critical path"
        title="Mark the spans that the trace waits for (c)"
        on={critical}
        onChange={(on) => store.setCritical(on)}
      />
      {cuts.stretches.length > 0 && (
        <>
          <Toggle
            icon={Activity}
            label="Cut idle time"
            title={`Cut out long stretches in which nothing starts, ends or runs but spans that wait (i): ${cutText(cuts)}`}
            on={cutIdle}
            onChange={(on) => store.setCutIdle(on)}
          />
          <span className="sr" role="status">
            {cutIdle && `Cut out: ${cutText(cuts)}`}
          </span>
        </>
      )}
      {runs > 0 && (
        <Toggle
          icon={FoldVertical}
          label="Fold repeats"
          title={`Show runs of alike siblings as one row (r); this trace has ${formatCount(runs)}`}
          on={folding}
          onChange={(on) => store.setFolding(on)}
        />
      )}
    </>
  );
}

function Toggle(props: {
  icon: LucideIcon;
  label: string;
  title: string;
  on: boolean;
  onChange: (on: boolean) => void;
}) {
  const { icon, label, title, on, onChange } = props;
  return (
    <Button
      size="small"
      className={styles.toggle}
      aria-pressed={on}
      aria-label={label}
      title={title}
      onClick={() => onChange(!on)}
    >
      <Icon of={icon} />
      <span className="wide-only">{label}</span>
    </Button>
  );
}

function Zoom({ store }: { store: TraceStore }) {
  const range = useStore(store, ['range'], (state) => state.range);
  const isWhole = range === store.full;
  const resolution = (range.to - range.from) / 100;
  return (
    <>
      {!isWhole && (
        <span className={classes('t2 wide-only', styles.shown)} role="status">
          {formatPosition(range.from, resolution)} to {formatPosition(range.to, resolution)}
        </span>
      )}
      <IconButton size="small" icon={ZoomIn} label="Zoom in (w)" onClick={() => store.zoom(0.6)} />
      <IconButton
        size="small"
        icon={ZoomOut}
        label="Zoom out (s)"
        disabled={isWhole}
        onClick={() => store.zoom(1 / 0.6)}
      />
      <Button
        size="small"
        look="ghost"
        disabled={isWhole}
        title="Show the whole trace (0)"
        onClick={() => store.setRange(store.full)}
      >
        Fit
      </Button>
    </>
  );
}
