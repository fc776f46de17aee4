// A small trend without axes, for rows of a table.

import { memo } from 'react';

import type { Trend } from './model';
import styles from './services.module.css';

const WIDTH = 112;
const HEIGHT = 18;

/** See the module. */
export const Spark = memo(function Spark(props: {
  trend: Trend | undefined;
  from: number;
  to: number;
  step: number;
  label: string;
}) {
  const { trend, from, to, step, label } = props;
  const buckets = Math.max(1, Math.round((to - from) / step));
  const values = Array.from({ length: buckets }, () => 0);
  for (const { at, calls } of trend ?? []) {
    const place = Math.floor((at - from) / step);
    if (place >= 0 && place < buckets) values[place] = calls;
  }
  const most = values.reduce((max, value) => Math.max(max, value), 0) || 1;
  const x = (place: number): string => ((place / Math.max(1, buckets - 1)) * WIDTH).toFixed(1);
  const y = (value: number): string => (HEIGHT - 1 - (value / most) * (HEIGHT - 3)).toFixed(1);
  const line = values.map((value, i) => `${i === 0 ? 'M' : 'L'}${x(i)} ${y(value)}`).join('');
  return (
    <svg
      className={styles.spark}
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={label}
    >
      <path className={styles.sparkArea} d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}z`} />
      <path className={styles.sparkLine} d={line} />
    </svg>
  );
});
