// The operations of a service: how often, how long, and what share of the time is theirs.

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { TriangleAlert } from 'lucide-react';

import { bucketSeconds } from '../chart/scale';
import { formatDuration } from '../lib/duration';
import { formatCount, oneLine } from '../lib/text';
import { classes, Icon } from '../ui/controls';
import { Answered } from './Frame';
import { errorShare, operationsOf, perMinute, trendsOf, type Operation, type Trend } from './model';
import { Panel } from './Panel';
import { figures } from './queries';
import { exploreRange, type Scope } from './scope';
import styles from './services.module.css';
import { SortHead, sortRows, type SortColumn } from './sort';
import { Spark } from './Spark';
import { operationsSql, operationsTrendSql, type Bounds } from './statements';
import { bucketsOf } from './useRange';

const TREND_BUCKETS = 45;

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

/** See the module. */
export function Operations({ name, role, bounds, axis, search, onSort }: Scope) {
  const seconds = bucketSeconds(axis.to - axis.from, TREND_BUCKETS);
  const buckets = bucketsOf(axis, seconds);
  const operations = useQuery({
    ...figures(operationsSql(name, role, bounds), operationsOf),
    placeholderData: keepPreviousData,
  });
  const trends = useQuery({
    ...figures(operationsTrendSql(name, role, bounds, seconds), trendsOf),
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
