// The answer: as a table with the whole value of the chosen cell below, or as a chart.

import { useNavigate, useRouter } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';

import { Cursor } from '../chart/cursor';
import { Chart, type Series } from '../chart/Chart';
import { niceTicks, shortNumber } from '../chart/scale';
import { formatDuration } from '../lib/duration';
import { serviceColor } from '../lib/service';
import { block, oneLine, plural } from '../lib/text';
import { zoneName, type Zone } from '../lib/zone';
import { Service, Tag } from '../ui/controls';
import { CopyButton } from '../ui/copy';
import { formatValue, Instant, valueAt, type Column, type ResultSet } from './cells';
import { ResultGrid, type CellPlace, type TraceLink } from './grid';
import { guessChart, type Guess } from './guess';
import styles from './sql.module.css';

/** Characters of a value that the pane shows; the copy has all. */
const SHOWN_CHARS = 20_000;

/** The rows. */
export function ResultTable({ result, zone }: { result: ResultSet; zone: Zone }) {
  const host = useRef<HTMLDivElement>(null);
  const [cell, setCell] = useState<CellPlace>();
  const navigate = useNavigate();
  const router = useRouter();
  useEffect(() => {
    if (!host.current) return undefined;
    setCell(undefined);
    const target = ({ traceId, spanId }: TraceLink) =>
      ({
        to: '/trace/$traceId',
        params: { traceId },
        search: spanId ? { span: spanId } : {},
      }) as const;
    const grid = new ResultGrid(host.current, result, zone, {
      onCursor: setCell,
      onOpen: (link) => void navigate(target(link)),
      hrefOf: (link) => router.buildLocation(target(link)).href,
    });
    return () => grid.destroy();
  }, [result, zone, navigate, router]);
  return (
    <div className={styles.tablePane}>
      {result.columns.length === 0 ? (
        <p className={styles.hint}>The statement has no columns.</p>
      ) : (
        <div ref={host} className={styles.grid} role="grid" aria-label="Result" tabIndex={0} />
      )}
      {result.rowCount === 0 && <p className={styles.hint}>No rows.</p>}
      {cell && <CellPane result={result} cell={cell} zone={zone} />}
    </div>
  );
}

function CellPane({ result, cell, zone }: { result: ResultSet; cell: CellPlace; zone: Zone }) {
  const column = result.columns[cell.column] as Column | undefined;
  if (!column || cell.row >= result.rowCount) return null;
  const value = valueAt(result, column, cell.row);
  const text = formatValue(value, zone);
  const isTime = value instanceof Instant;
  const isLong = column.kind === 'duration' && /_?ns\b|duration/i.test(column.name);
  return (
    <section className={styles.cell} aria-label="Chosen cell">
      <div className={styles.cellHead}>
        <b className="ell">{oneLine(column.name, 120)}</b>
        <Tag>{column.type}</Tag>
        {isTime && <span className="t3">{zoneName(zone, value.ns)}</span>}
        {isLong && (typeof value === 'bigint' || typeof value === 'number') && (
          <span className="t2">{formatDuration(value)}</span>
        )}
        {text.length > SHOWN_CHARS && (
          <span className="t3">first {plural(SHOWN_CHARS, 'character')}</span>
        )}
        <span className="grow" />
        <span className="t3">row {(cell.row + 1).toLocaleString('en-US')}</span>
        <CopyButton text={text} label="Copy the value" />
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so the keyboard must reach it */}
      <pre tabIndex={0} role="group" aria-label="Value">
        <bdi>{block(text.slice(0, SHOWN_CHARS))}</bdi>
      </pre>
    </section>
  );
}

/** Colour of the n-th line; the palette's first nine stay apart for everybody. */
const lineColor = (i: number): string => `var(--svc-${i + 1})`;

function formatOf(column: Column): (value: number) => string {
  return column.kind === 'duration' && !/_ms\b|_s\b|_us\b/.test(column.name)
    ? formatDuration
    : shortNumber;
}

/** The chart that fits the result. */
export function ResultChart({ result, zone }: { result: ResultSet; zone: Zone }) {
  const guess = useMemo(() => guessChart(result), [result]);
  if (!guess) {
    return (
      <p className={styles.hint}>
        No chart fits this result. A time and a number make lines, a text and a number make bars,
        two numbers make dots.
      </p>
    );
  }
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so the keyboard must reach it
    <figure className={styles.figure} tabIndex={0}>
      <Drawing guess={guess} zone={zone} />
    </figure>
  );
}

function Caption({ text, hidden, what }: { text: string; hidden: number; what: string }) {
  return (
    <figcaption>
      <b>{text}</b>
      {hidden > 0 && <span className="t3"> {plural(hidden, what)} not drawn</span>}
    </figcaption>
  );
}

function Drawing({ guess, zone }: { guess: Guess; zone: Zone }) {
  const cursor = useMemo(() => new Cursor(), []);
  if (guess.kind === 'bars') return <Bars guess={guess} />;
  if (guess.kind === 'histogram') {
    const { x, from, to, step, counts } = guess;
    const points = counts.map((y, i) => ({ x: from + i * step, y }));
    const text = `How often values of ${oneLine(x.name, 60)} occur`;
    return (
      <>
        <Caption text={text} hidden={0} what="value" />
        <Chart
          label={text}
          series={[{ name: 'rows', points, look: 'bars', color: 'var(--accent)' }]}
          from={from}
          to={to}
          bucket={step}
          height={360}
        />
      </>
    );
  }
  const points = guess.kind === 'lines' ? guess.lines.flatMap((line) => line.points) : guess.points;
  const xs = points.map(({ x }) => x);
  const from = xs.reduce((least, x) => Math.min(least, x), Infinity);
  const to = xs.reduce((most, x) => Math.max(most, x), -Infinity);
  const range = from === to ? { from: from - 1, to: to + 1 } : { from, to };
  if (guess.kind === 'dots') {
    const text = `${oneLine(guess.y.name, 60)} over ${oneLine(guess.x.name, 60)}`;
    const ticks = niceTicks(range.from, range.to, 6);
    const series: Series[] = [
      { name: 'rows', points: guess.points, look: 'dots', color: 'var(--svc-1)' },
    ];
    return (
      <>
        <Caption text={text} hidden={0} what="row" />
        <Chart
          label={text}
          series={series}
          from={Math.min(ticks[0] as number, range.from)}
          to={range.to}
          height={380}
          format={formatOf(guess.y)}
        />
      </>
    );
  }
  const names = guess.lines.map(({ name }) => oneLine(name, 60));
  const text = `${oneLine((guess.y[0] as Column).name, 60)} over ${oneLine(guess.x.name, 60)}`;
  const series = guess.lines.map((line, i): Series => ({
    ...line,
    name: names[i] as string,
    look: 'line',
    color: lineColor(i),
  }));
  return (
    <>
      <Caption text={text} hidden={guess.hidden} what="line" />
      <ul className={styles.legend}>
        {series.map(({ name, color }) => (
          <li key={name}>
            <svg width="16" height="8" aria-hidden="true">
              <path d="M1 4h14" stroke={color} strokeWidth="2.5" strokeLinecap="round" />
            </svg>
            <bdi>{name}</bdi>
          </li>
        ))}
      </ul>
      <Chart
        label={`${text}: ${names.join(', ')}`}
        series={series}
        {...range}
        height={360}
        zone={zone}
        format={formatOf(guess.y[0] as Column)}
        cursor={cursor}
      />
    </>
  );
}

function Bars({ guess }: { guess: Extract<Guess, { kind: 'bars' }> }) {
  const { label, y, bars, hidden } = guess;
  const most = bars.reduce((max, { value }) => Math.max(max, Math.abs(value)), 0) || 1;
  const isService = /service/i.test(label.name);
  const format = formatOf(y);
  return (
    <>
      <Caption
        text={`${oneLine(y.name, 60)} by ${oneLine(label.name, 60)}`}
        hidden={hidden}
        what="row"
      />
      <table className={styles.bars}>
        <thead className="sr">
          <tr>
            <th scope="col">{oneLine(label.name, 60)}</th>
            <th scope="col">{oneLine(y.name, 60)}</th>
          </tr>
        </thead>
        <tbody>
          {bars.map(({ name, value }, i) => (
            <tr key={`${i} ${name}`}>
              <th scope="row" className="ell" title={oneLine(name)}>
                {isService ? <Service name={name} /> : <bdi>{oneLine(name, 120)}</bdi>}
              </th>
              <td>
                <i
                  style={{
                    width: `${(Math.abs(value) / most) * 100}%`,
                    background: isService ? serviceColor(name) : 'var(--svc-1)',
                  }}
                />
                <span>{format(value)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
