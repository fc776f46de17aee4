// The traces that a search found, one row each, as tall as every row of this application.

import { Link } from '@tanstack/react-router';
import { ArrowDown, ArrowUp, TriangleAlert } from 'lucide-react';
import { memo, useMemo } from 'react';

import type { TraceSummary } from '../api/types';
import { formatDuration } from '../lib/duration';
import { sharedParts, type SharedParts } from '../lib/service';
import { formatCount, oneLine, plural } from '../lib/text';
import { formatInstant, instantParts, zoneName, type Zone } from '../lib/zone';
import type { Order, TraceSearch } from '../shell/search';
import { classes, Icon, Service, serviceStyle } from '../ui/controls';
import styles from './explore.module.css';

/** Services that get a share of the bar of their own; the rest share one. */
const SHARES_MAX = 24;

/** A column: its head, its width, the narrow screens that have no room for it, and how it sorts. */
interface Column {
  key: string;
  head: string;
  width?: string;
  className?: string | undefined;
  /** The orders that a press on the head goes through. */
  orders?: readonly Order[];
}

const COLUMNS: readonly Column[] = [
  { key: 'compare', head: 'Compare', width: '34px', className: styles.pickColumn },
  { key: 'start', head: 'Start', className: styles.startColumn, orders: ['newest', 'oldest'] },
  { key: 'entry', head: 'Entry service and span' },
  {
    key: 'duration',
    head: 'Duration',
    className: classes('num', styles.durationColumn),
    orders: ['longest', 'shortest'],
  },
  { key: 'spans', head: 'Spans', width: '76px', className: 'num medium-only', orders: ['spans'] },
  { key: 'matched', head: 'Matched', width: '76px', className: 'num medium-only' },
  { key: 'errors', head: 'Errors', width: '76px', className: 'num', orders: ['errors'] },
  { key: 'services', head: 'Spans by service', width: '220px', className: 'wide-only' },
  { key: 'trace', head: 'Trace', width: '92px', className: 'wide-only' },
];

/** Columns that can be hidden, and what they are called. */
export const OPTIONAL_COLUMNS = COLUMNS.filter(({ key }) =>
  ['spans', 'matched', 'errors', 'services', 'trace'].includes(key),
).map(({ key, head }) => ({ key, head }));

const SORTED: Record<Order, 'ascending' | 'descending'> = {
  newest: 'descending',
  oldest: 'ascending',
  longest: 'descending',
  shortest: 'ascending',
  errors: 'descending',
  spans: 'descending',
};

/** The order that a press on a head leads to: the next of its own, back to the newest behind the last. */
export function nextOrder(orders: readonly Order[], now: Order): Order {
  return (
    orders[orders.indexOf(now) + 1] ?? (orders.includes(now) ? 'newest' : (orders[0] as Order))
  );
}

/** The date that all traces share in `zone`, so that it need not stand in each row. */
function commonDate(traces: readonly TraceSummary[], zone: Zone): string | undefined {
  const dates = new Set(
    traces.map((trace) => instantParts(trace.start_time_unix_nano, zone, 0).date),
  );
  return dates.size === 1 ? [...dates][0] : undefined;
}

/** Scale of the duration bars: logarithmic from a hundredth of the longest. */
function durationScale(traces: readonly TraceSummary[]): (ns: bigint) => number {
  const longest = traces.reduce((most, { duration_ns: ns }) => (ns > most ? ns : most), 1n);
  const high = Math.log10(Number(longest));
  const low = Math.max(0, high - 3.5);
  return (ns) =>
    ns <= 0n ? 0 : Math.max(0.03, (Math.log10(Number(ns)) - low) / (high - low || 1));
}

/** See the module. */
export function ResultsTable({
  traces,
  services,
  zone,
  picked,
  onPick,
  isFile = false,
  sort,
  onSort,
  hidden = NONE,
  opensWith = PLAIN,
}: {
  traces: readonly TraceSummary[];
  services: readonly string[];
  zone: Zone;
  /** Ids of the traces that are marked for comparison. */
  picked: readonly string[];
  /** Marks a trace, or takes the mark away. */
  onPick: (traceId: string) => void;
  /** The traces are those of a file, the longest first. */
  isFile?: boolean;
  /** Their order, where they come from the server. */
  sort?: Order;
  onSort?: (order: Order) => void;
  /** Keys of columns that are not shown. */
  hidden?: ReadonlySet<string>;
  /** What the page of a trace shows when it is opened. */
  opensWith?: TraceSearch;
}) {
  const shared = useMemo(() => sharedParts(services), [services]);
  const date = commonDate(traces, zone);
  const scale = useMemo(() => durationScale(traces), [traces]);
  const start = traces[0] ? zoneName(zone, traces[0].start_time_unix_nano) : '';
  return (
    <table className={classes(styles.table, date && styles.sameDay)} aria-label="Traces">
      <Columns
        startNote={[date, start].filter(Boolean).join(', ')}
        sort={isFile ? undefined : sort}
        onSort={onSort}
        hidden={hidden}
      />
      <tbody>
        {traces.map((trace) => (
          <TraceRow
            key={trace.trace_id}
            trace={trace}
            zone={zone}
            withDate={!date}
            shared={shared}
            share={scale(trace.duration_ns)}
            mark={['A', 'B'][picked.indexOf(trace.trace_id)]}
            onPick={onPick}
            hidden={hidden}
            opensWith={opensWith}
          />
        ))}
      </tbody>
    </table>
  );
}

const NONE: ReadonlySet<string> = new Set();
const PLAIN: TraceSearch = {};

function Columns(props: {
  startNote: string;
  sort?: Order | undefined;
  onSort?: ((order: Order) => void) | undefined;
  hidden?: ReadonlySet<string>;
}) {
  const { startNote, sort, onSort, hidden = NONE } = props;
  const shown = COLUMNS.filter(({ key }) => !hidden.has(key));
  return (
    <>
      <colgroup>
        {shown.map(({ key, width, className }) => (
          <col key={key} className={className} style={{ width }} />
        ))}
      </colgroup>
      <thead>
        <tr>
          {shown.map(({ key, head, className, orders }) => {
            const name = key === 'start' && startNote ? `${head}, ${startNote}` : head;
            const sorted = sort && orders?.includes(sort) ? SORTED[sort] : undefined;
            return (
              <th
                key={key}
                scope="col"
                className={key === 'start' ? undefined : className}
                aria-sort={sorted}
              >
                {orders && sort && onSort ? (
                  <button
                    type="button"
                    className={styles.sort}
                    title={`Sort by ${head.toLowerCase()}`}
                    onClick={() => onSort(nextOrder(orders, sort))}
                  >
                    {name}
                    {sorted && <Icon of={sorted === 'descending' ? ArrowDown : ArrowUp} />}
                  </button>
                ) : key === 'compare' ? (
                  <span className="sr">{head}</span>
                ) : (
                  name
                )}
              </th>
            );
          })}
        </tr>
      </thead>
    </>
  );
}

interface RowProps {
  trace: TraceSummary;
  zone: Zone;
  withDate: boolean;
  shared: SharedParts;
  share: number;
  /** `A` or `B` when it is marked for comparison. */
  mark: string | undefined;
  onPick: (traceId: string) => void;
  hidden: ReadonlySet<string>;
  opensWith: TraceSearch;
}

const TraceRow = memo(function TraceRow(props: RowProps) {
  const { trace, zone, withDate, shared, share, mark, onPick, hidden, opensWith } = props;
  const { trace_id: traceId, error_count: errors } = trace;
  const { date, time } = instantParts(trace.start_time_unix_nano, zone, 3);
  const to = { to: '/trace/$traceId', params: { traceId }, search: opensWith } as const;
  const full = `${formatInstant(trace.start_time_unix_nano, zone, 9)} ${zoneName(zone, trace.start_time_unix_nano)}`;
  return (
    <tr data-picked={mark}>
      <td className={styles.pickColumn}>
        <label className={styles.pick} title="Mark for comparison">
          <input
            type="checkbox"
            checked={mark !== undefined}
            aria-label={`Compare ${oneLine(trace.root_name, 60)} ${time}`}
            onChange={() => onPick(traceId)}
          />
          <span aria-hidden="true">{mark}</span>
        </label>
      </td>
      <td className="t2" title={full}>
        {withDate && <span className="t3 medium-only">{date} </span>}
        {time}
      </td>
      <td>
        <div className={styles.entry}>
          <Service name={trace.root_service_name} shared={shared} />
          <Link
            {...to}
            className="mono ell t2"
            data-trace={traceId}
            title={oneLine(trace.root_name)}
          >
            <bdi>{oneLine(trace.root_name) || '(no name)'}</bdi>
          </Link>
          <Incomplete trace={trace} />
        </div>
      </td>
      <td>
        <div className={styles.durationCell}>
          <i style={{ width: `${share * 100}%` }} />
          <span className="num medium">{formatDuration(trace.duration_ns)}</span>
        </div>
      </td>
      {!hidden.has('spans') && <td className="num medium-only">{formatCount(trace.span_count)}</td>}
      {!hidden.has('matched') && (
        <td className="num medium-only">{formatCount(trace.matched_count)}</td>
      )}
      {!hidden.has('errors') && (
        <td className={errors > 0 ? 'num err' : 'num t3'}>
          <span className={styles.errors}>
            {errors > 0 && <Icon of={TriangleAlert} />}
            {formatCount(errors)}
          </span>
        </td>
      )}
      {!hidden.has('services') && (
        <td className="wide-only">
          <Shares services={trace.services} />
        </td>
      )}
      {!hidden.has('trace') && (
        <td className="wide-only">
          <Link {...to} className="mono" tabIndex={-1} title={traceId}>
            {shortId(traceId)}
          </Link>
        </td>
      )}
    </tr>
  );
});

/** The first eight digits that say something: a padded 64-bit id starts with zeros. */
function shortId(traceId: string): string {
  return traceId
    .replace(/^file-/, '')
    .replace(/^0{16}(?=[0-9a-f]{16}$)/, '')
    .slice(0, 8);
}

/** Says what a trace lacks, when it lacks something. */
function Incomplete({ trace }: { trace: TraceSummary }) {
  const { complete, orphan_count: orphans } = trace;
  if (complete) return null;
  const why =
    orphans > 0 ? `${plural(orphans, 'span')} without their parent` : 'The root span is missing';
  return (
    <span className="warn" title={why} style={{ flex: 'none' }}>
      <span aria-hidden="true">◌</span>
      <span className="sr">{why}</span>
    </span>
  );
}

function Shares({ services }: { services: TraceSummary['services'] }) {
  const sorted = services.toSorted((a, b) => b.span_count - a.span_count);
  const rest = sorted.slice(SHARES_MAX).reduce((sum, service) => sum + service.span_count, 0);
  const words = sorted
    .slice(0, SHARES_MAX)
    .map(({ name, span_count: count }) => `${oneLine(name, 60)} ${formatCount(count)}`);
  if (rest > 0) words.push(`others ${formatCount(rest)}`);
  return (
    <div
      className={styles.shares}
      role="img"
      aria-label={words.join(', ')}
      title={words.join('\n')}
    >
      {sorted.slice(0, SHARES_MAX).map(({ name, span_count: count }) => (
        <i key={name} style={{ ...serviceStyle(name), flexGrow: count }} />
      ))}
      {rest > 0 && <i style={{ flexGrow: rest, background: 'var(--line-control)' }} />}
    </div>
  );
}

/** The table while the first answer is on its way. */
export function SkeletonTable() {
  return (
    <table className={classes(styles.table, styles.skeleton)} aria-hidden="true">
      <Columns startNote="" />
      <tbody>
        {[60, 42, 74, 50, 66, 38, 58, 46].map((width) => (
          <tr key={width}>
            {COLUMNS.map(({ key, className }) => (
              <td key={key} className={className}>
                <i style={{ width: key === 'entry' ? `${width}%` : '80%' }} />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
