// Where a span stands among those of its service and name in this trace: a strip of marks on a logarithmic axis.

import { useMemo } from 'react';

import { formatDuration } from '../lib/duration';
import { formatCount } from '../lib/text';
import { alikeOf, histogram, placeOf, type AlikeStats } from './alike';
import styles from './panel.module.css';
import type { TraceStore } from './store';
import { useStore } from './useStore';

const STEPS = 340;

/** See the module. Nothing where there is too little to compare with. */
export function Alike({ store, row }: { store: TraceStore; row: number }) {
  const count = useStore(store, ['rows'], ({ skeleton }) => skeleton.count);
  // oxlint-disable-next-line react-hooks/exhaustive-deps -- `count` says that rows came in
  const stats = useMemo(() => alikeOf(store.skeleton, row), [store, row, count]);
  if (!stats) return null;
  const own = store.skeleton.columns.duration[row] as number;
  return (
    <section className={styles.alike} aria-label="Among its like">
      <div className={styles.alikeHead}>
        <h3>Is this slow?</h3>
        <span className="grow" />
        <span className="t3">of {formatCount(stats.durations.length)} like it in this trace</span>
      </div>
      {!isUniform(stats) && <Strip stats={stats} own={own} />}
      <p className="t2">{words(stats, own)}</p>
    </section>
  );
}

const isUniform = ({ durations }: AlikeStats): boolean => durations[0] === durations.at(-1);

function words(stats: AlikeStats, own: number): string {
  const { slowerThan, median } = stats;
  if (isUniform(stats)) return `Each takes ${formatDuration(median)}.`;
  const share = Math.round(slowerThan * 100);
  const times = own / median;
  const compared =
    times >= 1.05 || times <= 0.95
      ? `${times < 10 ? times.toFixed(1) : formatCount(Math.round(times))}× the median`
      : 'about the median';
  return `Slower than ${share} %, ${compared} of ${formatDuration(median)}.`;
}

function Strip({ stats, own }: { stats: AlikeStats; own: number }) {
  const { durations, median } = stats;
  const counts = histogram(stats, STEPS);
  const most = counts.reduce((max, count) => Math.max(max, count), 1);
  // Shares of the width: neither marks nor words are stretched with the panel.
  const share = (step: number): string => `${(100 * step) / STEPS}%`;
  const x = (ns: number): string => share(placeOf(durations, ns, STEPS));
  return (
    <div className={styles.strip} aria-hidden="true">
      <svg>
        <line className={styles.axis} x1="0" x2="100%" y1="18.5" y2="18.5" />
        {Array.from(counts, (count, i) =>
          count === 0 ? null : (
            <line
              key={i}
              className={styles.tick}
              x1={share(i)}
              x2={share(i)}
              y1={16 - 4 - (10 * Math.log1p(count)) / Math.log1p(most)}
              y2="18"
            />
          ),
        )}
        <line className={styles.median} x1={x(median)} x2={x(median)} y1="0" y2="20" />
        <svg x={x(own)} overflow="visible">
          <path className={styles.own} d="M0 20l4.5 7h-9z" />
        </svg>
      </svg>
      <p className={styles.ends}>
        <span>{formatDuration(durations[0] as number)}</span>
        <span>{formatDuration(durations.at(-1) as number)}</span>
      </p>
    </div>
  );
}
