// How many spans lie in each cell of time and duration. A cell leads to its traces, by the pointer or by the keys.

import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';

import { timeTicks } from '../chart/scale';
import { useWidth } from '../chart/useWidth';
import { rampStep } from '../explore/heat';
import { formatDuration } from '../lib/duration';
import { formatCount, plural } from '../lib/text';
import { formatInstant, type Zone } from '../lib/zone';
import { onPaletteChange, readPalette } from '../trace/palette';
import type { HeatCell } from './model';
import styles from './services.module.css';
import { HEAT_STEPS } from './statements';

const LEFT = 52;
const RIGHT = 10;
const TOP = 6;
const BOTTOM = 20;
const HEIGHT = 210;
/** Steps of the colour ramp. */
const RAMP = 7;

/** A chosen cell: what it covers. */
export interface HeatBox {
  /** Ms since the epoch. */
  from: number;
  to: number;
  /** Durations, ns. */
  min: number;
  max: number;
}

interface Props {
  cells: readonly HeatCell[];
  axis: { from: number; to: number; step: number };
  zone: Zone;
  onOpen: (box: HeatBox) => void;
}

/** Durations of a level, ns: from (inclusive) to (exclusive). */
export function levelBounds(level: number): [from: number, to: number] {
  return [10 ** (level / HEAT_STEPS), 10 ** ((level + 1) / HEAT_STEPS)];
}

/** See the module. */
export function Heatmap({ cells, axis, zone, onOpen }: Props) {
  const [host, width] = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [chosen, setChosen] = useState<{ column: number; level: number }>();
  const { from, to, step } = axis;
  const grid = useMemo(() => {
    const levels = cells.map(({ level }) => level);
    const low = Math.min(...levels, Infinity);
    const high = Math.max(...levels, -Infinity);
    const counts = new Map(
      cells.map(({ at, level, calls }) => [`${(at - from) / step} ${level}`, calls]),
    );
    const most = cells.reduce((max, { calls }) => Math.max(max, calls), 1);
    return { low: low - 1, high: high + 1, counts, most, columns: Math.round((to - from) / step) };
  }, [cells, from, to, step]);
  const inner = Math.max(1, width - LEFT - RIGHT);
  const cellWidth = inner / Math.max(1, grid.columns);
  const cellHeight = (HEIGHT - TOP - BOTTOM) / Math.max(1, grid.high - grid.low + 1);

  useEffect(() => {
    const draw = () => {
      const context = canvas.current?.getContext('2d');
      if (!canvas.current || !context || width === 0) return;
      const ratio = devicePixelRatio || 1;
      canvas.current.width = width * ratio;
      canvas.current.height = HEIGHT * ratio;
      context.scale(ratio, ratio);
      const { color } = readPalette();
      for (const { at, level, calls } of cells) {
        const x = LEFT + ((at - from) / step) * cellWidth;
        const y = TOP + (grid.high - level) * cellHeight;
        context.fillStyle = color[`heat-${rampStep(calls, grid.most)}` as 'heat-1'];
        const gap = cellWidth > 4 ? 1 : 0;
        context.fillRect(
          x,
          y,
          Math.max(1, cellWidth - gap),
          Math.max(1, cellHeight - (cellHeight > 4 ? 1 : 0)),
        );
      }
    };
    draw();
    return onPaletteChange(draw);
  }, [cells, from, step, width, cellWidth, cellHeight, grid]);

  const countAt = (column: number, level: number): number =>
    grid.counts.get(`${column} ${level}`) ?? 0;
  const open = (column: number, level: number) => {
    const [min, max] = levelBounds(level);
    onOpen({ from: from + column * step, to: from + (column + 1) * step, min, max });
  };
  const placeOf = (clientX: number, clientY: number) => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box) return undefined;
    const column = Math.floor((clientX - box.left - LEFT) / cellWidth);
    const level = grid.high - Math.floor((clientY - box.top - TOP) / cellHeight);
    const inside = column >= 0 && column < grid.columns && level >= grid.low && level <= grid.high;
    return inside ? { column, level } : undefined;
  };
  const onKey = (event: KeyboardEvent) => {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    };
    const move = moves[event.key];
    const present = chosen ?? newestCell(cells, from, step);
    if (move && present) {
      event.preventDefault();
      setChosen(
        chosen
          ? {
              column: clamp(present.column + move[0], 0, grid.columns - 1),
              level: clamp(present.level + move[1], grid.low, grid.high),
            }
          : present,
      );
    } else if ((event.key === 'Enter' || event.key === ' ') && chosen) {
      event.preventDefault();
      if (countAt(chosen.column, chosen.level) > 0) open(chosen.column, chosen.level);
    }
  };
  const total = cells.reduce((sum, { calls }) => sum + calls, 0);
  const label = chosen
    ? describe(chosen.column, chosen.level)
    : `Durations over time of ${plural(Math.round(total), 'span')}. Arrow keys choose a cell, Enter shows its traces.`;
  function describe(column: number, level: number): string {
    const [min, max] = levelBounds(level);
    const count = plural(Math.round(countAt(column, level)), 'span');
    const when = formatInstant(BigInt(from + column * step) * 1_000_000n, zone, 0);
    return `${count}, ${formatDuration(min)} to ${formatDuration(max)}, from ${when}`;
  }
  const y = (level: number): number => TOP + (grid.high - level + 1) * cellHeight;
  const powers = [];
  for (
    let level = Math.ceil(grid.low / HEAT_STEPS) * HEAT_STEPS;
    level <= grid.high;
    level += HEAT_STEPS
  )
    powers.push(level);
  return (
    <div ref={host} className={styles.heat} style={{ height: HEIGHT }}>
      {width > 0 && (
        <svg width={width} height={HEIGHT} aria-hidden="true">
          {powers.map((level) => (
            <g key={level}>
              <line x1={LEFT} x2={width - RIGHT} y1={y(level)} y2={y(level)} />
              <text x={LEFT - 8} y={y(level) + 3.5} textAnchor="end">
                {formatDuration(10 ** (level / HEAT_STEPS)).replace(/\.00?/, '')}
              </text>
            </g>
          ))}
          {timeTicks(from, to, Math.max(2, Math.floor(inner / 90)), zone).map(
            ({ at, label: text }) => (
              <text
                key={at}
                x={LEFT + ((at - from) / (to - from)) * inner}
                y={HEIGHT - 5}
                textAnchor={anchorOf((at - from) / (to - from))}
              >
                {text}
              </text>
            ),
          )}
        </svg>
      )}
      <canvas ref={canvas} style={{ width, height: HEIGHT }} />
      {chosen && (
        <i
          className={styles.heatChosen}
          style={{
            left: LEFT + chosen.column * cellWidth - 1,
            top: TOP + (grid.high - chosen.level) * cellHeight - 1,
            width: Math.max(4, cellWidth + 1),
            height: Math.max(4, cellHeight + 1),
          }}
        />
      )}
      <button
        type="button"
        className={styles.heatKeys}
        aria-label={label}
        title={chosen ? label : undefined}
        onKeyDown={onKey}
        onPointerMove={(event) => {
          const place = placeOf(event.clientX, event.clientY);
          event.currentTarget.title = place ? describe(place.column, place.level) : '';
        }}
        onClick={(event) => {
          // A click by the keyboard has no place.
          if (event.detail === 0) return;
          const place = placeOf(event.clientX, event.clientY);
          if (place && countAt(place.column, place.level) > 0) open(place.column, place.level);
        }}
      />
      <span className="sr" role="status">
        {chosen ? label : ''}
      </span>
    </div>
  );
}

/** Labels at the edges stay inside. */
function anchorOf(share: number): 'start' | 'middle' | 'end' {
  return share < 0.03 ? 'start' : share > 0.96 ? 'end' : 'middle';
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function newestCell(cells: readonly HeatCell[], from: number, step: number) {
  const newest = cells.reduce<HeatCell | undefined>(
    (last, cell) => (!last || cell.at > last.at ? cell : last),
    undefined,
  );
  return newest && { column: Math.round((newest.at - from) / step), level: newest.level };
}

/** What the colours mean. */
export function HeatLegend({ cells }: { cells: readonly HeatCell[] }) {
  const most = cells.reduce((max, { calls }) => Math.max(max, calls), 1);
  return (
    <span className={styles.ramp}>
      1
      <span aria-hidden="true">
        {Array.from({ length: RAMP }, (_, i) => (
          <i key={i} style={{ background: `var(--heat-${i + 1})` }} />
        ))}
      </span>
      {formatCount(Math.round(most))} per cell
    </span>
  );
}
