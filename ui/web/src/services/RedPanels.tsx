// Rate, errors and duration of a service over time, under one cursor.

import { useMemo } from 'react';

import { Chart, type Series } from '../chart/Chart';
import type { Cursor } from '../chart/cursor';
import { formatDuration } from '../lib/duration';
import { formatCount } from '../lib/text';
import type { Zone } from '../lib/zone';
import { errorShare, perMinute, type Bucket } from './model';
import { Panel } from './Panel';
import styles from './services.module.css';

const CHART_PX = 150;

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

/** See the module. */
export function RedPanels({ buckets, axis, ms, zone, cursor }: RedProps) {
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
