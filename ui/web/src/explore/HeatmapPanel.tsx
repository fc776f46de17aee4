// Latency: what matches by time and duration, with the box that narrows the results, the example of each cell, an axis that
// is zoomed and moved, and a table instead.

import { useNavigate } from '@tanstack/react-router';
import { ChevronLeft, ChevronRight, Rows3, X, ZoomIn, ZoomOut } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';

import type { HeatmapAnswer } from '../api/types';
import { useWidth } from '../chart/useWidth';
import { formatDuration } from '../lib/duration';
import { formatCount, plural } from '../lib/text';
import { formatInstant, zoneName, type Zone } from '../lib/zone';
import type { TraceSearch } from '../shell/search';
import { useShortcuts } from '../shell/shortcuts';
import { sizeCanvas } from '../trace/canvas';
import { onPaletteChange, readPalette } from '../trace/palette';
import { Button, classes, Icon, IconButton } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { AxisView } from './axisView';
import { durationsOf, type Box } from './box';
import { Heat, timeline, type CellBox } from './heat';
import styles from './heatmap.module.css';
import { HEIGHT, Layout, paint, windowOf } from './heatPaint';
import { HeatPointer } from './heatPointer';
import type { Span } from './zoom';

interface Props {
  answer: HeatmapAnswer;
  zone: Zone;
  ofSpans: boolean;
  asTable: boolean;
  box: Box | undefined;
  /** An earlier answer, shown while the next is on its way. */
  isStale: boolean;
  /** What the page of an example shows when it is opened. */
  opensWith: TraceSearch;
  /** The time axis of the search, and how far it can be moved. */
  range: Span;
  limits: Span;
  onBox: (box: Box | undefined) => void;
  onFilter: (box: Box) => void;
  onRange: (range: Span) => void;
  /** Leads back to the range from before zooming; undefined when that is the one. */
  onReset: (() => void) | undefined;
  onUnit: (ofSpans: boolean) => void;
  onTable: (asTable: boolean) => void;
}

/** See the module. */
export function HeatmapPanel(props: Props) {
  const { answer, zone, ofSpans, asTable, isStale, range, limits, onRange, onReset } = props;
  const heat = useMemo(() => new Heat(answer), [answer]);
  // One view for the life of the panel; what it may need is handed to it anew.
  const [axis] = useState(() => new AxisView());
  useEffect(() => () => axis.stop(), [axis]);
  useEffect(() => {
    axis.take({ range, limits, show: onRange, reset: onReset });
  });
  useShortcuts({
    w: () => axis.zoomIn(),
    s: () => axis.zoomOut(),
    a: () => axis.earlier(),
    d: () => axis.later(),
    '0': () => axis.reset(),
  });
  return (
    <section className={classes(styles.panel, isStale && styles.stale)} aria-label="Latency">
      <Head {...props} heat={heat} axis={axis} />
      <span className="sr" role="status">
        {onReset && rangeText(range, zone)}
      </span>
      {asTable ? (
        <Figures heat={heat} zone={zone} ofSpans={ofSpans} />
      ) : heat.rows === 0 ? (
        <p className={styles.nothing} style={{ height: HEIGHT }}>
          {answer.total.value === 0 ? 'Nothing matches' : 'Nothing that matches has a time'}
        </p>
      ) : (
        <Map {...props} heat={heat} axis={axis} />
      )}
    </section>
  );
}

/** A range in words. */
function rangeText({ start, end }: Span, zone: Zone): string {
  const digits = end - start < 10_000_000_000n ? 3 : 0;
  return `${formatInstant(start, zone, digits)} to ${formatInstant(end, zone, digits)} ${zoneName(zone, end)}`;
}

/** Moves the time axis without a pointer on it. */
function AxisTools({ axis, onReset }: { axis: AxisView; onReset: (() => void) | undefined }) {
  const isZoomed = onReset !== undefined;
  return (
    <div className={styles.axis} role="group" aria-label="Time axis">
      {isZoomed && (
        <Button
          size="small"
          look="ghost"
          title="Back to the range from before zooming (0)"
          onClick={() => axis.reset()}
        >
          Reset
        </Button>
      )}
      <IconButton
        size="small"
        icon={ChevronLeft}
        label="Earlier (a)"
        onClick={() => axis.earlier()}
      />
      <IconButton
        size="small"
        icon={ZoomIn}
        label="Zoom in (w, or Ctrl and the wheel)"
        onClick={() => axis.zoomIn()}
      />
      <IconButton size="small" icon={ZoomOut} label="Zoom out (s)" onClick={() => axis.zoomOut()} />
      <IconButton size="small" icon={ChevronRight} label="Later (d)" onClick={() => axis.later()} />
    </div>
  );
}

type Inner = Props & { heat: Heat; axis: AxisView };

function Head({ answer, heat, axis, ofSpans, asTable, onUnit, onTable, onReset }: Inner) {
  const { total, trace_total: traces, duration_quantiles: quantiles } = answer;
  const least = total.exact ? '' : 'at least ';
  return (
    <div className={styles.head}>
      <h2>Latency</h2>
      <span className="t2 ell">
        {ofSpans && (
          <>
            {least}
            <b>{formatCount(total.value)}</b> {total.value === 1 ? 'span' : 'spans'} in{' '}
          </>
        )}
        {!ofSpans && least}
        <b>{formatCount(traces.value)}</b> {traces.value === 1 ? 'trace' : 'traces'}
        {answer.error_count > 0 && (
          <span className="err">, {formatCount(answer.error_count)} with errors</span>
        )}
        {quantiles && (
          <span className="wide-only" title="Within 3 %">
            {(['p50', 'p95', 'p99'] as const).map((name) => (
              <span key={name}>
                {'  '}
                <span className="t3">{name}</span> {formatDuration(quantiles[`${name}_ns`])}
              </span>
            ))}
          </span>
        )}
      </span>
      <span className="grow" />
      {!asTable && heat.most > 1 && (
        <span className={classes(styles.legend, 'wide-only')} aria-hidden="true">
          <span>{ofSpans ? 'spans' : 'traces'} per cell</span>
          <span>1</span>
          <span className={styles.ramp}>
            {[1, 2, 3, 4, 5, 6, 7].map((step) => (
              <i key={step} style={{ background: `var(--heat-${step})` }} />
            ))}
          </span>
          <span>{formatCount(heat.most)}</span>
          <span className={styles.errorCell} />
          <span>has errors</span>
        </span>
      )}
      <AxisTools axis={axis} onReset={onReset} />
      <div className={classes(controls.segments, styles.unit)} role="group" aria-label="Count">
        {[false, true].map((spans) => (
          <button
            key={String(spans)}
            type="button"
            aria-pressed={spans === ofSpans}
            onClick={() => onUnit(spans)}
          >
            {spans ? 'Spans' : 'Traces'}
          </button>
        ))}
      </div>
      <IconButton
        size="small"
        icon={Rows3}
        label="As a table"
        aria-pressed={asTable}
        onClick={() => onTable(!asTable)}
      />
    </div>
  );
}

/** What the cells of a place say, in words. */
function describe(heat: Heat, cells: CellBox, zone: Zone, ofSpans: boolean): string {
  const { count, errors } = heat.sum(cells);
  const [from, to] = [heat.time(cells.left), heat.time(cells.right + 1)];
  const digits = heat.width < 1_000_000_000n ? 3 : 0;
  const low = heat.edges[cells.low] ?? 0n;
  const high = heat.edges[cells.high + 1];
  const durations = durationsOf({ ...(low > 0n && { min: low }), ...(high && { max: high }) });
  const what = plural(count, ofSpans ? 'span' : 'trace');
  const failed = errors > 0 ? `, ${errors} with errors` : '';
  const end = formatInstant(to, zone, digits).slice(11);
  return `${what}${failed}; ${formatInstant(from, zone, digits)} to ${end}; ${durations}`;
}

function Map(props: Inner) {
  const { heat, axis, zone, ofSpans, box, isStale, range, opensWith, onBox, onFilter } = props;
  const [host, width] = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const cover = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  // Until the counts of another range are here, the ones that are stand where that range has them.
  const { start, end } = range;
  const layout = useMemo(
    () => new Layout(heat, width, isStale ? windowOf(heat, { start, end }) : undefined),
    [heat, width, isStale, start, end],
  );
  const cells = box && heat.cellsOf(box);
  // One pointer for the life of the element; what it may need is handed to it anew.
  const pointer = useRef<HeatPointer>(undefined);
  useEffect(() => {
    if (!cover.current) return undefined;
    pointer.current = new HeatPointer(cover.current, axis);
    return () => pointer.current?.stop();
  }, [axis]);
  useEffect(() => {
    if (!pointer.current) return;
    pointer.current.now = {
      layout,
      chosen: cells,
      describe: (each) => describe(heat, each, zone, ofSpans),
      choose: (each) => onBox(each && heat.box(each)),
      open: (traceId) =>
        void navigate({ to: '/trace/$traceId', params: { traceId }, search: opensWith }),
    };
    pointer.current.redraw();
  });
  useEffect(() => {
    const draw = (shown: Layout) => {
      if (!canvas.current || width === 0) return;
      const context = sizeCanvas(canvas.current, width, HEIGHT);
      if (context) paint(context, shown, zone, readPalette());
    };
    const undraw = axis.drawWith((next) => {
      const shown = new Layout(heat, width, windowOf(heat, next));
      draw(shown);
      if (!pointer.current?.now) return;
      pointer.current.now.layout = shown;
      pointer.current.redraw();
    });
    draw(layout);
    const off = onPaletteChange(() => draw(layout));
    return () => {
      off();
      undraw();
    };
  }, [layout, heat, axis, width, zone]);
  const sum = cells && heat.sum(cells);
  const most = formatCount(heat.most);
  const unit = ofSpans ? 'spans' : 'traces';
  const label = `Latency heatmap: ${formatCount(heat.answer.total.value)} ${unit}, at most ${most} in a cell. Arrow keys move, with Shift they draw a box, Enter narrows the results to it or opens an example. Plus and minus zoom the time axis, 0 leads back.`;
  return (
    <div ref={host} className={styles.map} style={{ height: HEIGHT }}>
      <canvas ref={canvas} aria-hidden="true" />
      <div
        ref={cover}
        className={styles.cover}
        role="application"
        aria-label={label}
        aria-roledescription="heatmap"
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is worked with keys
        tabIndex={0}
      >
        <div data-part="hover" className={styles.hover} hidden />
        <div data-part="box" className={styles.box} hidden />
      </div>
      <div data-part="tip" className={classes(controls.pop, styles.tip)} hidden />
      <div data-part="said" className="sr" role="status" />
      {box && cells && sum && (
        <div
          className={classes(controls.pop, styles.actions)}
          style={actionsAt(layout, cells)}
          role="group"
          aria-label="Box"
        >
          <span>
            <b>{formatCount(sum.count)}</b> {sum.count === 1 ? unit.slice(0, -1) : unit}
            {sum.errors > 0 && <span className="err">, {formatCount(sum.errors)} with errors</span>}
          </span>
          <Button
            size="small"
            look="primary"
            title="Make the box the range and a part of the query"
            onClick={() => onFilter(box)}
          >
            <Icon of={ZoomIn} />
            Filter to
          </Button>
          <IconButton
            size="small"
            icon={X}
            label="Take the box away"
            onClick={() => onBox(undefined)}
          />
        </div>
      )}
    </div>
  );
}

/** The actions stand under the box, or above it where there is no room. */
function actionsAt(
  layout: Layout,
  { left, right, low, high }: CellBox,
): { left: number; top: number } {
  const middle = (layout.x(left) + layout.x(right + 1)) / 2;
  const under = layout.y(low) + 7;
  const top = under + 32 > layout.y(0) ? Math.max(0, layout.y(high + 1) - 38) : under;
  return { left: Math.max(66, Math.min(layout.width - 310, middle - 150)), top };
}

/** Parts of the time axis in the table. */
const PARTS = 24;

function Figures({ heat, zone, ofSpans }: { heat: Heat; zone: Zone; ofSpans: boolean }) {
  const rows = timeline(heat, PARTS);
  const digits = heat.width < 1_000_000_000n ? 3 : 0;
  return (
    <div
      className={styles.figures}
      style={{ height: HEIGHT }}
      role="region"
      aria-label="Latency as a table"
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
      tabIndex={0}
    >
      <table>
        <thead>
          <tr>
            <th scope="col">From, {zoneName(zone, heat.time(0))}</th>
            <th scope="col" className="num">
              {ofSpans ? 'Spans' : 'Traces'}
            </th>
            <th scope="col" className="num">
              With errors
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ from, count, errors }) => (
            <tr key={String(from)}>
              <td>{formatInstant(from, zone, digits)}</td>
              <td className="num">{formatCount(count)}</td>
              <td className={errors > 0 ? 'num err' : 'num t3'}>{formatCount(errors)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <table>
        <thead>
          <tr>
            <th scope="col">Duration</th>
            <th scope="col" className="num">
              {ofSpans ? 'Spans' : 'Traces'}
            </th>
            <th scope="col" className="num">
              With errors
            </th>
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: heat.rows }, (_, row) => {
            const all = { left: 0, right: heat.columns - 1, low: row, high: row };
            const { count, errors } = heat.sum(all);
            const box = heat.box({ ...all });
            return (
              count > 0 && (
                <tr key={row}>
                  <td>{durationsOf(box)}</td>
                  <td className="num">{formatCount(count)}</td>
                  <td className={errors > 0 ? 'num err' : 'num t3'}>{formatCount(errors)}</td>
                </tr>
              )
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
