// The two traces of a comparison side by side, and how they differ as a whole.

import { Link } from '@tanstack/react-router';

import { formatDuration } from '../lib/duration';
import { oneLine, plural } from '../lib/text';
import { instantParts, zoneName } from '../lib/zone';
import { useZone } from '../shell/useZone';
import type { Skeleton } from '../trace/skeleton';
import { classes, Service } from '../ui/controls';
import type { Comparison } from './comparison';
import styles from './compare.module.css';
import { signed } from './grid';

/** See the module. */
export function Sides({ comparison }: { comparison: Comparison }) {
  const { a, b } = comparison;
  const delta = Number(b.head.duration_ns) - Number(a.head.duration_ns);
  const factor = Number(b.head.duration_ns) / Number(a.head.duration_ns || 1n);
  const spans = b.count - a.count;
  const words = [
    factor >= 1.05 && `${factor.toFixed(1)}× slower`,
    factor <= 0.95 && factor > 0 && `${(1 / factor).toFixed(1)}× faster`,
    spans !== 0 && plural(Math.abs(spans), spans > 0 ? 'more span' : 'fewer span'),
  ].filter(Boolean);
  return (
    <section className={styles.sides} aria-label="The two traces">
      <SideCard side="a" skeleton={a} />
      <div className={styles.middle}>
        <b>{signed(delta)}</b>
        <span className="t2">{words.join(', ') || 'about the same'}</span>
      </div>
      <SideCard side="b" skeleton={b} />
    </section>
  );
}

function SideCard({ side, skeleton }: { side: 'a' | 'b'; skeleton: Skeleton }) {
  const [zone] = useZone();
  const { head } = skeleton;
  const { date, time } = instantParts(head.start_time_unix_nano, zone, 3);
  return (
    <div className={styles.card}>
      <span className={classes(styles.badge, styles[`badge_${side}`])}>{side.toUpperCase()}</span>
      <div className={styles.cardText}>
        <h2>
          <Service name={head.root_service_name} />
          <bdi className="mono ell" title={oneLine(head.root_name)}>
            {oneLine(head.root_name) || '(no name)'}
          </bdi>
        </h2>
        <div className={styles.sub}>
          <Link className="mono" to="/trace/$traceId" params={{ traceId: head.trace_id }}>
            {head.trace_id.replace(/^0{16}/, '').slice(0, 8)}
          </Link>
          <span className="ell" title={date}>
            {time} {zoneName(zone, head.start_time_unix_nano)}
          </span>
          <span className="wide-only">{plural(head.span_count, 'span')}</span>
          <span className="wide-only">{plural(head.services.length, 'service')}</span>
          <span className={classes('wide-only', head.error_count > 0 && 'err')}>
            {plural(head.error_count, 'error')}
          </span>
        </div>
      </div>
      <span className={styles.length}>{formatDuration(head.duration_ns)}</span>
    </div>
  );
}
