// Who calls a service and whom it calls, joined by lines.

import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';

import { servicesOfCalls, type Call } from '../api/dependencies';
import { sharedParts, type SharedParts } from '../lib/service';
import { formatCount, plural } from '../lib/text';
import type { RangeSearch } from '../shell/search';
import { Service, serviceStyle } from '../ui/controls';
import styles from './services.module.css';

/** Neighbours on each side that are drawn. */
const SHOWN_MAX = 6;
/** Height of a neighbour with the space below it, px: as in the style sheet. */
const STEP = 28;
/** Width of the lines, px. */
const LINES = 32;

interface Neighbour {
  name: string;
  count: number;
}

/** See the module. */
export function Neighbours(props: { name: string; calls: readonly Call[]; range: RangeSearch }) {
  const { name, calls, range } = props;
  const shared = useMemo(() => sharedParts(servicesOfCalls(calls)), [calls]);
  const side = (of: 'caller' | 'callee', other: 'caller' | 'callee'): Neighbour[] =>
    calls
      .filter((call) => call[other] === name)
      .sort((a, b) => b.calls - a.calls)
      .map((call) => ({ name: call[of], count: call.calls }));
  const callers = side('caller', 'callee');
  const callees = side('callee', 'caller');
  if (callers.length === 0 && callees.length === 0)
    return <p className={styles.hint}>It neither calls nor is called by another service.</p>;
  return (
    <div className={styles.neighbours}>
      <h3>Called by</h3>
      <List entries={callers} shared={shared} range={range} />
      <More count={callers.length - SHOWN_MAX} />
      <Lines count={Math.min(callers.length, SHOWN_MAX)} />
      <div className={styles.centre} style={serviceStyle(name)}>
        <Service name={name} shared={shared} short />
      </div>
      <Lines count={Math.min(callees.length, SHOWN_MAX)} out />
      <h3 className={styles.out}>Calls</h3>
      <List entries={callees} shared={shared} range={range} out />
      <More count={callees.length - SHOWN_MAX} out />
    </div>
  );
}

function List(props: {
  entries: readonly Neighbour[];
  shared: SharedParts;
  range: RangeSearch;
  out?: boolean;
}) {
  const { entries, shared, range, out } = props;
  if (entries.length === 0) return <p className={out ? styles.outNone : styles.inNone}>nobody</p>;
  return (
    <ul className={out ? styles.outList : styles.inList}>
      {entries.slice(0, SHOWN_MAX).map(({ name, count }) => (
        <li key={name} style={serviceStyle(name)}>
          <Link to="/service/$name" params={{ name }} search={range}>
            <Service name={name} shared={shared} short />
          </Link>
          <span className="num t2">{formatCount(count)}</span>
        </li>
      ))}
    </ul>
  );
}

function More({ count, out }: { count: number; out?: boolean }) {
  if (count <= 0) return null;
  return (
    <p className={out ? styles.outMore : styles.inMore}>and {plural(count, 'more', 'more')}</p>
  );
}

/** From each neighbour of a side to the middle, or from there to each. */
function Lines({ count, out = false }: { count: number; out?: boolean }) {
  const height = Math.max(1, count) * STEP;
  const middle = height / 2;
  return (
    <svg
      className={out ? styles.outLines : styles.inLines}
      width={LINES}
      height={height}
      aria-hidden="true"
    >
      {Array.from({ length: count }, (_, i) => {
        const y = i * STEP + STEP / 2;
        const [from, to] = out ? [middle, y] : [y, middle];
        const bend = LINES / 2;
        return <path key={i} d={`M0 ${from}C${bend} ${from} ${bend} ${to} ${LINES} ${to}`} />;
      })}
    </svg>
  );
}
