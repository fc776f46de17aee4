// One service: rate, errors and duration over time, its neighbours, its operations, and requests to look at.

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { ChevronLeft, Search, TriangleAlert } from 'lucide-react';
import { useMemo, useState, type ReactNode } from 'react';

import { dependenciesQuery } from '../api/dependencies';
import { Chart, type Series } from '../chart/Chart';
import { Cursor } from '../chart/cursor';
import { bucketSeconds } from '../chart/scale';
import { formatDuration } from '../lib/duration';
import { formatCount, oneLine } from '../lib/text';
import { formatInstant, zoneName, type Zone } from '../lib/zone';
import { Page } from '../shell/pages';
import { changed, type ExploreSearch, type ServiceSearch } from '../shell/search';
import { useShortcuts } from '../shell/shortcuts';
import { useZone } from '../shell/useZone';
import { classes, Icon, Service } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { Answered, FiguresStatus, NothingHere, RangeTools } from './Frame';
import { HeatLegend, Heatmap } from './Heatmap';
import {
  errorShare,
  heatOf,
  kindsOf,
  operationsOf,
  perMinute,
  samplesOf,
  seriesOf,
  trendsOf,
  type Bucket,
  type Kinds,
  type Operation,
  type Trend,
} from './model';
import { Neighbours } from './Neighbours';
import { figures } from './queries';
import styles from './services.module.css';
import { SortHead, sortRows, type SortColumn } from './sort';
import { Spark } from './Spark';
import {
  heatSql,
  kindsSql,
  operationsSql,
  operationsTrendSql,
  samplesSql,
  seriesSql,
  type Bounds,
  type Role,
} from './statements';
import { axisOf, bucketsOf, rangeSearch, useRange } from './useRange';

const SERIES_BUCKETS = 90;
const TREND_BUCKETS = 45;
const CHART_PX = 150;

/** The spans that count: the chosen ones, else those that answer requests, else all. */
function roleOf(search: ServiceSearch, kinds: Kinds | undefined): Role {
  if (search.kind === 'client' || search.kind === 'all') return search.kind;
  return kinds && kinds.entry === 0 ? 'all' : 'entry';
}

/** The range as Explore understands it. */
function exploreRange({ from, to }: Bounds): Pick<ExploreSearch, 'from' | 'to'> {
  return changed<ExploreSearch>({}, { from: from?.toString(), to: to?.toString() });
}

/** See the module. */
export function ServicePage() {
  const { name } = useParams({ from: '/service/$name' });
  const search = useSearch({ from: '/service/$name' });
  const navigate = useNavigate({ from: '/service/$name' });
  const [zone, setZone] = useZone();
  const { bounds, error, refresh, now } = useRange(search, zone);
  const kinds = useQuery({
    ...figures(kindsSql(name, bounds), kindsOf, error === undefined),
    placeholderData: keepPreviousData,
  });
  const found = kinds.data?.value;
  const role = roleOf(search, found);
  const axis = axisOf(bounds, found?.extent, now);
  const change = (changes: Partial<Record<keyof ServiceSearch, string | undefined>>) =>
    void navigate({ search: (old) => changed(old, changes) });
  useShortcuts({ r: refresh });
  const range = changed(search, { kind: undefined, sort: undefined, find: undefined });
  return (
    <Page title={oneLine(name, 80)} className={styles.page}>
      <div className={styles.bar}>
        <Link
          to="/services"
          search={range}
          className={classes(controls.button, controls.ghost, controls.iconOnly)}
          aria-label="All services"
          title="All services"
        >
          <Icon of={ChevronLeft} />
        </Link>
        <h1 className={styles.title}>
          <Service name={name} />
        </h1>
        <div className={controls.segments} role="group" aria-label="Spans that count">
          {(['entry', 'client', 'all'] as const).map((kind) => (
            <button
              key={kind}
              type="button"
              aria-pressed={role === kind}
              disabled={found && found[kind] === 0}
              onClick={() => change({ kind: kind === 'entry' ? undefined : kind })}
            >
              {{ entry: 'Requests', client: 'Calls out', all: 'All spans' }[kind]}
            </button>
          ))}
        </div>
        <span className="grow" />
        <Link
          className={classes(controls.button, 'medium-only')}
          to="/explore"
          search={{ service: name, ...exploreRange(bounds) }}
        >
          <Icon of={Search} />
          Traces
        </Link>
        <RangeTools
          search={search}
          zone={zone}
          error={error}
          onZone={setZone}
          onRange={(next) => change(rangeSearch(next))}
          onRefresh={refresh}
        />
      </div>
      {found && found.all === 0 ? (
        <div className={styles.scroll}>
          <NothingHere
            what="This service has no span in this range"
            zone={zone}
            onRange={(next) => change(rangeSearch(next))}
          />
        </div>
      ) : (
        <Overview
          key={name}
          name={name}
          role={role}
          bounds={bounds}
          axis={axis}
          zone={zone}
          search={search}
          ready={found !== undefined}
          onSort={(sort) => change({ sort })}
        />
      )}
      <FiguresStatus
        queries={[kinds]}
        facts={
          role === 'all' && !search.kind && <span>No span of kind server: all are counted</span>
        }
      />
    </Page>
  );
}

interface OverviewProps {
  name: string;
  role: Role;
  bounds: Bounds;
  axis: { from: number; to: number };
  zone: Zone;
  search: ServiceSearch;
  ready: boolean;
  onSort: (sort: string | undefined) => void;
}

function Overview(props: OverviewProps) {
  const { name, role, bounds, axis, zone, search, ready, onSort } = props;
  const navigate = useNavigate();
  const cursor = useMemo(() => new Cursor(), []);
  const seconds = bucketSeconds(axis.to - axis.from, SERIES_BUCKETS);
  const buckets = bucketsOf(axis, seconds);
  const keep = { placeholderData: keepPreviousData };
  const series = useQuery({
    ...figures(seriesSql(name, role, bounds, seconds), seriesOf, ready),
    ...keep,
  });
  const heat = useQuery({
    ...figures(heatSql(name, role, bounds, seconds), heatOf, ready),
    ...keep,
  });
  const toNanos = (ms: number): bigint => BigInt(Math.floor(ms)) * 1_000_000n;
  const calls = useQuery({
    ...dependenciesQuery(bounds.from ?? toNanos(axis.from), bounds.to ?? toNanos(axis.to + 1000)),
    enabled: ready,
    ...keep,
  });
  const range = changed(search, { kind: undefined, sort: undefined, find: undefined });
  return (
    <div className={styles.scroll}>
      <div className={styles.panels}>
        <Answered query={series} what="The figures could not be computed">
          {series.data && (
            <RedPanels
              buckets={series.data.value}
              axis={buckets}
              ms={axis.to - axis.from}
              zone={zone}
              cursor={cursor}
            />
          )}
        </Answered>
        <Panel
          title="Latency"
          note="every span; a cell leads to its traces"
          wide
          aside={heat.data && <HeatLegend cells={heat.data.value} />}
        >
          <Answered query={heat} what="The latencies could not be counted">
            {heat.data && heat.data.value.length > 0 ? (
              <Heatmap
                cells={heat.data.value}
                axis={buckets}
                zone={zone}
                onOpen={(box) =>
                  void navigate({
                    to: '/explore',
                    search: {
                      service: name,
                      from: String(toNanos(box.from)),
                      to: String(toNanos(box.to)),
                      min: `${Math.floor(box.min)}ns`,
                      max: `${Math.ceil(box.max)}ns`,
                    },
                  })
                }
              />
            ) : (
              <p className={styles.hint}>No span lasted any time.</p>
            )}
          </Answered>
        </Panel>
        <Panel
          title="Neighbours"
          note="calls in the range"
          aside={
            <Link to="/map" search={{ ...range, focus: name }}>
              Open map
            </Link>
          }
        >
          {calls.data ? (
            <Neighbours name={name} calls={calls.data} range={range} />
          ) : (
            <p className={styles.hint}>
              {calls.isError ? 'The calls could not be counted.' : 'Counting calls…'}
            </p>
          )}
        </Panel>
        <Operations {...props} onSort={onSort} />
        <Samples {...props} />
      </div>
    </div>
  );
}

function Panel(props: {
  title: string;
  note?: string;
  figure?: ReactNode;
  aside?: ReactNode;
  wide?: boolean;
  full?: boolean;
  children: ReactNode;
}) {
  const { title, note, figure, aside, wide, full, children } = props;
  return (
    <section
      className={classes(styles.panel, wide && styles.wide, full && styles.full)}
      aria-label={title}
    >
      <div className={styles.panelHead}>
        <h2>{title}</h2>
        {figure && <b className={styles.figure}>{figure}</b>}
        {note && <span className="t3 ell">{note}</span>}
        <span className="grow" />
        {aside}
      </div>
      {children}
    </section>
  );
}

interface RedProps {
  buckets: readonly Bucket[];
  axis: { from: number; to: number; step: number };
  ms: number;
  zone: Zone;
  cursor: Cursor;
}

/** The whole range as one: counts are sums, the percentile is that of the bucket with most calls in the middle. */
function totals(buckets: readonly Bucket[]) {
  let calls = 0;
  let errors = 0;
  for (const bucket of buckets) {
    calls += bucket.calls;
    errors += bucket.errors;
  }
  return { calls, errors };
}

/** Highest p95 of a bucket. */
function worst(buckets: readonly Bucket[]): number | undefined {
  return buckets.reduce<number | undefined>(
    (most, { p95 }) => (p95 !== undefined && (most === undefined || p95 > most) ? p95 : most),
    undefined,
  );
}

/** Lines of durations: told apart by dash and weight as well as by colour. */
const LINES = [
  { name: 'p50', look: 'line', color: 'var(--text-3)', dash: '1.5 4', width: 2 },
  { name: 'p95', look: 'line', color: 'var(--accent)', dash: 'none', width: 2 },
  { name: 'p99', look: 'line', color: 'var(--ink)', dash: 'none', width: 1 },
] as const;

function lineOf(line: (typeof LINES)[number], points: Series['points']): Series {
  return Object.assign({ points }, line);
}

function RedPanels({ buckets, axis, ms, zone, cursor }: RedProps) {
  const { calls, errors } = totals(buckets);
  const most = worst(buckets);
  const minutes = axis.step / 60_000;
  const rate = useMemo(
    () => fill(buckets, axis, (b) => (b?.calls ?? 0) / minutes),
    [buckets, axis, minutes],
  );
  const failed = useMemo(() => fill(buckets, axis, (b) => b?.errors ?? 0), [buckets, axis]);
  const lines = useMemo(
    () =>
      LINES.map((line): Series =>
        lineOf(
          line,
          fill(buckets, axis, (b) => b?.[line.name]),
        ),
      ),
    [buckets, axis],
  );
  const common = {
    from: axis.from,
    to: axis.to,
    bucket: axis.step,
    height: CHART_PX,
    zone,
    cursor,
  };
  const step = formatDuration(axis.step * 1e6).replace(/\.00?/, '');
  return (
    <>
      <Panel title="Rate" figure={perMinute(calls, ms)} note="a minute, mean">
        <Chart
          {...common}
          label={`Rate: ${formatCount(Math.round(calls))} in all, in buckets of ${step}`}
          series={[{ name: 'per min', points: rate, look: 'bars', color: 'var(--line-control)' }]}
        />
      </Panel>
      <Panel
        title="Errors"
        figure={errorShare({ calls, errors })}
        note={`${formatCount(Math.round(errors))} of ${formatCount(Math.round(calls))}`}
      >
        <Chart
          {...common}
          atLeast={4}
          label={`Errors: ${formatCount(Math.round(errors))} of ${formatCount(Math.round(calls))}`}
          series={[{ name: 'errors', points: failed, look: 'bars', color: 'var(--error)' }]}
        />
      </Panel>
      <Panel
        title="Duration"
        figure={most === undefined ? '–' : formatDuration(most)}
        note="highest p95 of a bucket"
        aside={<LineLegend series={lines} />}
      >
        <Chart
          {...common}
          log
          format={(ns) => formatDuration(ns).replace(/\.00?(?=\s)/, '')}
          label={`Durations: p95 up to ${most === undefined ? 'nothing' : formatDuration(most)}`}
          series={lines}
        />
      </Panel>
    </>
  );
}

function LineLegend({ series }: { series: readonly Series[] }) {
  return (
    <ul className={styles.lineLegend}>
      {series.map(({ name, color, dash, width }) => (
        <li key={name}>
          <svg width="16" height="6" aria-hidden="true">
            <path d="M1 3h14" stroke={color} strokeWidth={width} strokeDasharray={dash} />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}

/** A point for every bucket of the axis. */
function fill(
  buckets: readonly Bucket[],
  axis: { from: number; to: number; step: number },
  read: (bucket: Bucket | undefined) => number | undefined,
) {
  const known = new Map(buckets.map((bucket) => [bucket.at, bucket]));
  const points = [];
  for (let x = axis.from; x < axis.to; x += axis.step) points.push({ x, y: read(known.get(x)) });
  return points;
}

const OPERATIONS: readonly SortColumn<Operation>[] = [
  { key: 'name', head: 'Operation', value: ({ name }) => name },
  { key: 'calls', head: 'Requests', value: ({ calls }) => calls, right: true },
  { key: 'rate', head: 'Per min', className: 'wide-only', right: true },
  { key: 'trend', head: 'Trend', className: 'wide-only' },
  {
    key: 'errors',
    head: 'Errors',
    value: ({ calls, errors }) => errors / (calls || 1),
    right: true,
  },
  { key: 'p50', head: 'p50', value: ({ p50 }) => p50 ?? -1, right: true, className: 'medium-only' },
  { key: 'p95', head: 'p95', value: ({ p95 }) => p95 ?? -1, right: true },
  { key: 'p99', head: 'p99', value: ({ p99 }) => p99 ?? -1, right: true, className: 'medium-only' },
  {
    key: 'total',
    head: 'Share of time',
    value: ({ total }) => total,
    right: true,
    className: 'medium-only',
  },
  { key: 'traces', head: 'Traces' },
];

function Operations({ name, role, bounds, axis, search, ready, onSort }: OverviewProps) {
  const seconds = bucketSeconds(axis.to - axis.from, TREND_BUCKETS);
  const buckets = bucketsOf(axis, seconds);
  const operations = useQuery({
    ...figures(operationsSql(name, role, bounds), operationsOf, ready),
    placeholderData: keepPreviousData,
  });
  const trends = useQuery({
    ...figures(operationsTrendSql(name, role, bounds, seconds), trendsOf, ready),
    placeholderData: keepPreviousData,
  });
  const rows = operations.data?.value;
  const total = rows?.reduce((sum, row) => sum + row.total, 0) || 1;
  return (
    <Panel title="Operations" note={rows ? `${formatCount(rows.length)}, by span name` : ''} full>
      <Answered query={operations} what="The operations could not be counted">
        {rows && (
          <table className={styles.table} aria-label="Operations">
            <SortHead columns={OPERATIONS} sort={search.sort} fallback="-total" onSort={onSort} />
            <tbody>
              {sortRows(rows, OPERATIONS, search.sort, '-total').map((row) => (
                <OperationRow
                  key={row.name}
                  row={row}
                  service={name}
                  bounds={bounds}
                  ms={axis.to - axis.from}
                  share={row.total / total}
                  trend={trends.data?.value.get(row.name)}
                  axis={buckets}
                />
              ))}
            </tbody>
          </table>
        )}
      </Answered>
    </Panel>
  );
}

function OperationRow(props: {
  row: Operation;
  service: string;
  bounds: Bounds;
  ms: number;
  share: number;
  trend: Trend | undefined;
  axis: { from: number; to: number; step: number };
}) {
  const { row, service, bounds, ms, share, trend, axis } = props;
  const show = (ns: number | undefined): string => (ns === undefined ? '–' : formatDuration(ns));
  const search = { service, operation: row.name, ...exploreRange(bounds) };
  return (
    <tr>
      <th scope="row" className="mono" title={oneLine(row.name)}>
        <bdi>{oneLine(row.name, 160) || '(no name)'}</bdi>
      </th>
      <td className="num">{formatCount(Math.round(row.calls))}</td>
      <td className="num wide-only">{perMinute(row.calls, ms)}</td>
      <td className="wide-only">
        <Spark trend={trend} {...axis} label={`Requests of ${oneLine(row.name, 60)} over time`} />
      </td>
      <td className={row.errors > 0 ? 'num err' : 'num t3'}>
        {row.errors > 0 && <Icon of={TriangleAlert} />} {errorShare(row)}
      </td>
      <td className="num medium-only">{show(row.p50)}</td>
      <td className="num medium">{show(row.p95)}</td>
      <td className="num medium-only">{show(row.p99)}</td>
      <td className={classes('num medium-only', styles.measured)}>
        <i style={{ width: `${share * 100}%` }} />
        <span>{(share * 100).toFixed(1)} %</span>
      </td>
      <td>
        <Link to="/explore" search={search} aria-label={`Traces of ${oneLine(row.name, 60)}`}>
          Traces
        </Link>
      </td>
    </tr>
  );
}

function Samples({ name, role, bounds, zone, ready }: OverviewProps) {
  const [which, setWhich] = useState<'slowest' | 'errors'>('slowest');
  const samples = useQuery({
    ...figures(samplesSql(name, role, bounds, which), samplesOf, ready),
    placeholderData: keepPreviousData,
  });
  const rows = samples.data?.value;
  const first = rows?.find(({ start }) => start !== undefined)?.start;
  return (
    <Panel
      title="Spans to look at"
      full
      aside={
        <div className={controls.segments} role="group" aria-label="Which spans">
          {(['slowest', 'errors'] as const).map((key) => (
            <button
              key={key}
              type="button"
              aria-pressed={which === key}
              onClick={() => setWhich(key)}
            >
              {key === 'slowest' ? 'Slowest' : 'Newest errors'}
            </button>
          ))}
        </div>
      }
    >
      <Answered query={samples} what="The spans could not be read">
        {rows && rows.length === 0 ? (
          <p className={styles.hint}>{which === 'errors' ? 'No span failed.' : 'No span.'}</p>
        ) : (
          <table className={styles.table} aria-label="Spans to look at">
            <thead>
              <tr>
                <th scope="col">Start{first !== undefined && `, ${zoneName(zone, first)}`}</th>
                <th scope="col">Operation</th>
                <th scope="col" className="num">
                  Duration
                </th>
                <th scope="col" className="medium-only">
                  Status
                </th>
                <th scope="col">Trace</th>
              </tr>
            </thead>
            <tbody>
              {rows?.map((row) => (
                <tr key={`${row.traceId} ${row.spanId}`}>
                  <td className="t2">
                    {row.start === undefined ? '–' : formatInstant(row.start, zone, 3)}
                  </td>
                  <th scope="row" className="mono">
                    <bdi>{oneLine(row.name, 160) || '(no name)'}</bdi>
                  </th>
                  <td className="num medium">{formatDuration(row.duration)}</td>
                  <td className={classes('medium-only', row.failed ? 'err' : 't3')}>
                    {row.failed ? oneLine(row.message, 80) || 'error' : 'no error'}
                  </td>
                  <td>
                    <Link
                      className="mono"
                      to="/trace/$traceId"
                      params={{ traceId: row.traceId }}
                      search={{ span: row.spanId }}
                    >
                      {row.traceId.replace(/^0{16}/, '').slice(0, 8)}
                    </Link>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Answered>
    </Panel>
  );
}
