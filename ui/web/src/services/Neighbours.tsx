// Who calls a service and whom it calls.

import { Link } from '@tanstack/react-router';

import type { Call } from '../api/dependencies';
import { formatCount, plural } from '../lib/text';
import type { RangeSearch } from '../shell/search';
import { Service, serviceStyle } from '../ui/controls';
import styles from './services.module.css';

/** Neighbours on each side that are drawn. */
const SHOWN_MAX = 6;

/** See the module. */
export function Neighbours(props: { name: string; calls: readonly Call[]; range: RangeSearch }) {
  const { name, calls, range } = props;
  const callers = calls.filter(({ callee }) => callee === name).sort((a, b) => b.calls - a.calls);
  const callees = calls.filter(({ caller }) => caller === name).sort((a, b) => b.calls - a.calls);
  if (callers.length === 0 && callees.length === 0)
    return <p className={styles.hint}>It neither calls nor is called by another service.</p>;
  return (
    <div className={styles.neighbours}>
      <List
        title="Called by"
        entries={callers.map(({ caller, calls: count }) => ({ name: caller, count }))}
        range={range}
      />
      <div className={styles.centre} style={serviceStyle(name)}>
        <Service name={name} />
      </div>
      <List
        title="Calls"
        entries={callees.map(({ callee, calls: count }) => ({ name: callee, count }))}
        range={range}
      />
    </div>
  );
}

function List(props: {
  title: string;
  entries: readonly { name: string; count: number }[];
  range: RangeSearch;
}) {
  const { title, entries, range } = props;
  return (
    <div>
      <h3>{title}</h3>
      {entries.length === 0 && <p className="t3">nobody</p>}
      <ul>
        {entries.slice(0, SHOWN_MAX).map(({ name, count }) => (
          <li key={name} style={serviceStyle(name)}>
            <Link to="/service/$name" params={{ name }} search={range}>
              <Service name={name} />
            </Link>
            <span className="num t2">{formatCount(count)}</span>
          </li>
        ))}
      </ul>
      {entries.length > SHOWN_MAX && (
        <p className="t3">{plural(entries.length - SHOWN_MAX, 'more', 'more')}</p>
      )}
    </div>
  );
}
