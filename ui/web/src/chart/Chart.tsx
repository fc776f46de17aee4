// A chart: bars, lines or dots over a common axis. Drawn as SVG by hand; what it shows is also said in words.

import { useEffect, useMemo, useRef } from 'react';

import { formatInstant, type Zone } from '../lib/zone';
import styles from './chart.module.css';
import type { Cursor } from './cursor';
import { logTicks, niceTicks, shortNumber, timeTicks } from './scale';
import { useWidth } from './useWidth';

/** One point; `y` is absent where there is nothing. */
export interface Point {
  x: number;
  y: number | undefined;
}

/** One set of points. */
export interface Series {
  name: string;
  points: readonly Point[];
  look: 'bars' | 'line' | 'dots';
  /** CSS colour. */
  color: string;
  /** Dashes of a line. */
  dash?: string;
  /** Width of a line, px. */
  width?: number;
}

interface Props {
  /** What the chart shows, in words. */
  label: string;
  series: readonly Series[];
  /** Range of the axis: ms since the epoch, or plain numbers. */
  from: number;
  to: number;
  /** Width of a bar on the axis. */
  bucket?: number;
  height: number;
  /** Zone of a time axis; without one the axis is of numbers. */
  zone?: Zone;
  /** Logarithmic values. */
  log?: boolean;
  /** Least top of the axis of values. */
  atLeast?: number;
  format?: (value: number) => string;
  cursor?: Cursor;
}

const LEFT = 52;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 20;

function extent(series: readonly Series[]): [least: number, most: number] {
  let least = Infinity;
  let most = -Infinity;
  for (const { points } of series)
    for (const { y } of points) {
      if (y === undefined) continue;
      if (y < least) least = y;
      if (y > most) most = y;
    }
  return [least, most];
}

interface Axes {
  x: (value: number) => number;
  y: (value: number) => number;
  xTicks: { at: number; label: string }[];
  yTicks: number[];
}

function axesOf(props: Props, width: number): Axes {
  const { series, from, to, zone, height, log, atLeast = 0 } = props;
  const [least, most] = extent(series);
  const inner = Math.max(1, width - LEFT - RIGHT);
  const tall = height - TOP - BOTTOM;
  const x = (value: number): number => LEFT + ((value - from) / (to - from || 1)) * inner;
  const count = Math.max(2, Math.floor(inner / 90));
  const xTicks = zone
    ? timeTicks(from, to, count, zone)
    : niceTicks(from, to, count)
        .filter((at) => at >= from && at <= to)
        .map((at) => ({ at, label: shortNumber(at) }));
  if (log && least > 0 && Number.isFinite(least)) {
    const yTicks = logTicks(least, most);
    const low = Math.log10(yTicks[0] as number);
    const high = Math.log10(yTicks.at(-1) as number);
    const y = (value: number): number =>
      TOP + tall * (1 - (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low));
    return { x, y, xTicks, yTicks };
  }
  const bottom = Number.isFinite(least) ? Math.min(0, least) : 0;
  const top = Math.max(Number.isFinite(most) ? most : 0, atLeast, bottom + 1e-9);
  const yTicks = top > bottom ? niceTicks(bottom, top, Math.max(2, Math.floor(tall / 32))) : [0, 1];
  const high = yTicks.at(-1) as number;
  const low = yTicks[0] as number;
  const y = (value: number): number => TOP + tall * (1 - (value - low) / (high - low || 1));
  return { x, y, xTicks, yTicks };
}

function linePath(points: readonly Point[], { x, y }: Axes): string {
  let path = '';
  let pen = 'M';
  for (const point of points) {
    if (point.y === undefined) {
      pen = 'M';
      continue;
    }
    path += `${pen}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`;
    // A point between two gaps would not be seen as a line.
    if (pen === 'M') path += 'h0.01';
    pen = 'L';
  }
  return path;
}

function dotPath(points: readonly Point[], { x, y }: Axes): string {
  let path = '';
  for (const point of points)
    if (point.y !== undefined) path += `M${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}h0.01`;
  return path;
}

function barPath(points: readonly Point[], bucket: number, { x, y }: Axes): string {
  const base = y(0);
  let path = '';
  for (const point of points) {
    if (point.y === undefined || point.y === 0) continue;
    const from = x(point.x);
    const gap = x(point.x + bucket) - from > 3 ? 1 : 0;
    const wide = Math.max(1, x(point.x + bucket) - from - gap);
    const top = Math.min(y(point.y), base - 1);
    path += `M${from.toFixed(1)} ${base.toFixed(1)}V${top.toFixed(1)}h${wide.toFixed(1)}V${base.toFixed(1)}z`;
  }
  return path;
}

/** See the module. */
export function Chart(props: Props) {
  const { label, height, series, bucket = 0, format = shortNumber } = props;
  const [host, width] = useWidth<HTMLDivElement>();
  const axes = useMemo(() => axesOf(props, width), [props, width]);
  const { x, y, xTicks, yTicks } = axes;
  return (
    <div ref={host} className={styles.host} style={{ height }}>
      {width > 0 && (
        <svg width={width} height={height} role="img" aria-label={label} className={styles.chart}>
          {yTicks.map((tick) => (
            <g key={tick}>
              <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} />
              <text x={LEFT - 8} y={y(tick) + 3.5} textAnchor="end">
                {format(tick)}
              </text>
            </g>
          ))}
          {xTicks.map(({ at, label: text }) => (
            <text key={at} x={x(at)} y={height - 5} textAnchor={anchorOf(x(at), width)}>
              {text}
            </text>
          ))}
          {series.map((one) => (
            <Drawn key={one.name} series={one} bucket={bucket} axes={axes} />
          ))}
        </svg>
      )}
      {width > 0 && props.cursor && (
        <CursorLine {...props} cursor={props.cursor} axes={axes} width={width} />
      )}
    </div>
  );
}

/** Labels at the edges stay inside. */
function anchorOf(at: number, width: number): 'start' | 'middle' | 'end' {
  if (at > width - 30) return 'end';
  return at < LEFT + 12 ? 'start' : 'middle';
}

function Drawn({ series, bucket, axes }: { series: Series; bucket: number; axes: Axes }) {
  const { look, points, color, dash, width = 1.5 } = series;
  if (look === 'bars') return <path d={barPath(points, bucket, axes)} fill={color} stroke="none" />;
  const isDots = look === 'dots';
  return (
    <path
      d={isDots ? dotPath(points, axes) : linePath(points, axes)}
      fill="none"
      stroke={color}
      strokeWidth={isDots ? 4 : width}
      strokeLinecap="round"
      strokeLinejoin="round"
      strokeDasharray={dash}
      opacity={isDots ? 0.7 : 1}
    />
  );
}

/** The common cursor, and what stands under it. */
function CursorLine(props: Props & { cursor: Cursor; axes: Axes; width: number }) {
  const {
    cursor,
    series,
    from,
    to,
    bucket = 0,
    height,
    zone,
    axes,
    width,
    format = shortNumber,
  } = props;
  const host = useRef<HTMLDivElement>(null);
  const line = useRef<HTMLDivElement>(null);
  const note = useRef<HTMLDivElement>(null);
  useEffect(
    () =>
      cursor.on((at) => {
        if (!line.current || !note.current) return;
        const inside = at !== undefined && at >= from && at <= to;
        line.current.hidden = note.current.hidden = !inside;
        if (!inside) return;
        const bar = bucket > 0 ? from + Math.floor((at - from) / bucket) * bucket : at;
        const px = axes.x(bucket > 0 ? bar + bucket / 2 : at);
        line.current.style.transform = `translateX(${px}px)`;
        const words = series.map(({ name, points }) => {
          const point = nearest(points, bar, bucket);
          return `${name} ${point?.y === undefined ? '–' : format(point.y)}`;
        });
        const when = zone
          ? formatInstant(BigInt(Math.round(bar)) * 1_000_000n, zone, 0).slice(5)
          : shortNumber(at);
        note.current.textContent = [when, ...words].join('   ');
        const room = note.current.offsetWidth + 12;
        note.current.style.transform = `translateX(${px + room > width ? px - room : px + 8}px)`;
      }),
    [cursor, series, from, to, bucket, zone, axes, width, format],
  );
  const move = (clientX: number) => {
    const box = host.current?.getBoundingClientRect();
    if (!box) return;
    const inner = Math.max(1, width - LEFT - RIGHT);
    const share = (clientX - box.left - LEFT) / inner;
    cursor.move(share >= 0 && share < 1 ? from + share * (to - from) : undefined);
  };
  return (
    <div
      ref={host}
      className={styles.cursorArea}
      style={{ height }}
      aria-hidden="true"
      onPointerMove={(event) => move(event.clientX)}
      onPointerLeave={() => cursor.move(undefined)}
    >
      <div ref={line} className={styles.cursor} hidden />
      <div ref={note} className={styles.note} hidden />
    </div>
  );
}

function nearest(points: readonly Point[], at: number, bucket: number): Point | undefined {
  let best: Point | undefined;
  for (const point of points)
    if (!best || Math.abs(point.x - at) < Math.abs(best.x - at)) best = point;
  return best && (bucket === 0 || Math.abs(best.x - at) < bucket) ? best : undefined;
}
