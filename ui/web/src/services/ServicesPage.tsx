// All services: rate, errors and duration of what each answers.

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Search, TriangleAlert } from 'lucide-react';
import { useMemo } from 'react';

import { bucketSeconds, shortNumber } from '../chart/scale';
import { formatDuration } from '../lib/duration';
import { sharedParts } from '../lib/service';
import { formatCount, plural } from '../lib/text';
import { Page } from '../shell/pages';
import { changed, type ServiceSearch } from '../shell/search';
import { useShortcuts } from '../shell/shortcuts';
import { useZone } from '../shell/useZone';
import { classes, Icon, Service, Tag } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { Answered, FiguresStatus, NothingHere, RangeTools } from './Frame';
import {
  errorShare,
  extentOf,
  perMinute,
  servicesOf,
  trendsOf,
  type ServiceFigures,
  type Trend,
} from './model';
import { figures } from './queries';
import styles from './services.module.css';
import { SortHead, sortRows, type SortColumn } from './sort';
import { Spark } from './Spark';
import { extentSql, servicesSql, servicesTrendSql } from './statements';
import { axisOf, bucketsOf, rangeSearch, useRange } from './useRange';

/** Buckets of a trend. */
const TREND_BUCKETS = 60;

const COLUMNS: readonly SortColumn<ServiceFigures>[] = [
  { key: 'name', head: 'Service', value: ({ name }) => name },
  { key: 'calls', head: 'Requests', value: ({ calls }) => calls, right: true },
  {
    key: 'rate',
    head: 'Per min',
    value: ({ calls }) => calls,
    right: true,
    className: 'medium-only',
  },
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
];

/** See the module. */
export function ServicesPage() {
  const search = useSearch({ from: '/services' });
  const navigate = useNavigate({ from: '/services' });
  const [zone, setZone] = useZone();
  const { bounds, error, refresh, now } = useRange(search, zone);
  const valid = error === undefined;
  const extent = useQuery({
    ...figures(extentSql(bounds), extentOf, valid),
    placeholderData: keepPreviousData,
  });
  const services = useQuery({
    ...figures(servicesSql(bounds), servicesOf, valid),
    placeholderData: keepPreviousData,
  });
  const axis = axisOf(bounds, extent.data?.value, now);
  const seconds = bucketSeconds(axis.to - axis.from, TREND_BUCKETS);
  const rows = services.data?.value;
  const roles = useMemo(() => new Map(rows?.map(({ name, role }) => [name, role])), [rows]);
  const trend = useQuery({
    ...figures(servicesTrendSql(bounds, seconds), (answer) => answer, valid && rows !== undefined),
    placeholderData: keepPreviousData,
  });
  const trends = useMemo(
    () => (trend.data ? trendsOf(trend.data.value, roles) : undefined),
    [trend.data, roles],
  );
  const change = (changes: Partial<Record<keyof ServiceSearch, string | undefined>>) =>
    void navigate({ search: (old) => changed(old, changes) });
  useShortcuts({
    r: refresh,
    '/': () => document.getElementById('find-service')?.focus(),
  });
  return (
    <Page title="Services" className={styles.page}>
      <div className={styles.bar}>
        <h1>Services</h1>
        {rows && (
          <span className="t3" role="status">
            {formatCount(rows.length)}
          </span>
        )}
        <span className="grow" />
        <div className={classes(controls.field, styles.find)}>
          <Icon of={Search} className="t3" />
          <input
            id="find-service"
            aria-label="Find a service"
            placeholder="Find a service"
            autoComplete="off"
            spellCheck={false}
            value={search.find ?? ''}
            onChange={(event) =>
              void navigate({
                search: (old) => changed(old, { find: event.target.value || undefined }),
                replace: true,
              })
            }
          />
        </div>
        <RangeTools
          search={search}
          zone={zone}
          error={error}
          onZone={setZone}
          onRange={(range) => change(rangeSearch(range))}
          onRefresh={refresh}
        />
      </div>
      <div className={styles.scroll} aria-busy={services.isFetching}>
        <Answered query={services} what="The services could not be counted">
          {rows && rows.length === 0 ? (
            <NothingHere
              what="No span started in this range"
              zone={zone}
              onRange={(range) => change(rangeSearch(range))}
            />
          ) : (
            rows && (
              <ServiceTable
                rows={rows}
                search={search}
                trends={trends}
                axis={{ ...bucketsOf(axis, seconds), ms: axis.to - axis.from }}
                onSort={(sort) => change({ sort })}
              />
            )
          )}
        </Answered>
      </div>
      <FiguresStatus queries={[extent, services, trend]} />
    </Page>
  );
}

interface TableProps {
  rows: readonly ServiceFigures[];
  search: ServiceSearch;
  trends: ReadonlyMap<string, Trend> | undefined;
  axis: { from: number; to: number; step: number; ms: number };
  onSort: (sort: string | undefined) => void;
}

function ServiceTable({ rows, search, trends, axis, onSort }: TableProps) {
  const shared = useMemo(() => sharedParts(rows.map(({ name }) => name)), [rows]);
  const wanted = search.find?.toLowerCase() ?? '';
  const found = rows.filter(({ name }) => name.toLowerCase().includes(wanted));
  const sorted = sortRows(found, COLUMNS, search.sort, '-calls');
  const slowest = rows.reduce((most, { p95 }) => Math.max(most, p95 ?? 0), 1);
  const range = changed(search, { find: undefined, sort: undefined, kind: undefined });
  return (
    <table className={styles.table} aria-label="Services">
      <SortHead columns={COLUMNS} sort={search.sort} fallback="-calls" onSort={onSort} />
      <tbody>
        {sorted.map((row) => (
          <tr key={row.name}>
            <th scope="row">
              <Link to="/service/$name" params={{ name: row.name }} search={range}>
                <Service name={row.name} shared={shared} />
              </Link>{' '}
              {row.role === 'all' && (
                <Tag title="It has no span of kind server or consumer: all its spans are counted">
                  all spans
                </Tag>
              )}
            </th>
            <td className="num">{formatCount(Math.round(row.calls))}</td>
            <td className="num medium-only">{perMinute(row.calls, axis.ms)}</td>
            <td className="wide-only">
              <Spark
                trend={trends?.get(row.name)}
                {...axis}
                label={`Requests of ${row.name}, at most ${peak(trends?.get(row.name))} in a bucket`}
              />
            </td>
            <td className={row.errors > 0 ? 'num err' : 'num t3'}>
              {row.errors > 0 && <Icon of={TriangleAlert} />} {errorShare(row)}
            </td>
            <Durations row={row} slowest={slowest} />
          </tr>
        ))}
        {sorted.length === 0 && (
          <tr>
            <td colSpan={COLUMNS.length} className="t2">
              None of {plural(rows.length, 'service')} has “{search.find}” in its name.
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

function peak(trend: Trend | undefined): string {
  return shortNumber((trend ?? []).reduce((most, { calls }) => Math.max(most, calls), 0));
}

function Durations({ row, slowest }: { row: ServiceFigures; slowest: number }) {
  const show = (ns: number | undefined): string => (ns === undefined ? '–' : formatDuration(ns));
  return (
    <>
      <td className="num medium-only">{show(row.p50)}</td>
      <td className={classes('num medium', styles.measured)}>
        <i style={{ width: `${((row.p95 ?? 0) / slowest) * 100}%` }} />
        <span>{show(row.p95)}</span>
      </td>
      <td className="num medium-only">{show(row.p99)}</td>
    </>
  );
}
