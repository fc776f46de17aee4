// What differs between two traces: in one sentence, ranked by self time, and what only one of them has.

import { formatDuration } from '../lib/duration';
import { formatCount, oneLine, plural } from '../lib/text';
import { KIND_NAMES } from '../trace/rows';
import { classes, Service } from '../ui/controls';
import type { Comparison, Missing, Ranked } from './comparison';
import styles from './compare.module.css';
import { signed } from './grid';

/** Entries of a list that are drawn. */
const RANKED_MAX = 50;

/** The comparison in one sentence. */
export function Verdict({ comparison }: { comparison: Comparison }) {
  const { a, b, ranked } = comparison;
  const delta = Number(b.head.duration_ns) - Number(a.head.duration_ns);
  const [first] = ranked;
  if (!first) return <p className={styles.verdict}>The two traces are alike in every span.</p>;
  const grown = first.selfB - first.selfA;
  return (
    <p className={styles.verdict}>
      Most of the difference is work of <Service name={first.service} />{' '}
      <bdi className="mono">{oneLine(first.name, 120) || '(no name)'}</bdi>: <b>{signed(grown)}</b>
      {delta !== 0 && Math.sign(delta) === Math.sign(grown) && (
        <> while the whole trace differs by {signed(delta)}</>
      )}
      {first.countA !== first.countB && (
        <>
          ; {plural(first.countA, 'call')} became {formatCount(first.countB)}
        </>
      )}
      .
    </p>
  );
}

interface RankedProps {
  comparison: Comparison;
  pair: number | undefined;
  onShow: (pair: number) => void;
}

/** The differences, the largest first, and the spans that one trace lacks. */
export function RankedList({ comparison, pair, onShow }: RankedProps) {
  const { ranked, onlyA, onlyB } = comparison;
  const most = ranked.reduce((max, entry) => Math.max(max, Math.abs(sizeOf(entry))), 1);
  const shown = ranked.slice(0, RANKED_MAX);
  return (
    <>
      <h2 className={styles.listHead}>
        Ranked differences <span className="t3">by self time</span>
      </h2>
      {ranked.length === 0 && <p className={styles.empty}>No span differs.</p>}
      <ol>
        {shown.map((entry, i) => (
          <li key={`${entry.service} ${entry.name} ${entry.kind}`}>
            <RankedEntry
              entry={entry}
              place={i + 1}
              share={Math.abs(sizeOf(entry)) / most}
              current={entry.pair === pair}
              onShow={onShow}
            />
          </li>
        ))}
      </ol>
      {ranked.length > shown.length && (
        <p className={styles.empty}>{plural(ranked.length - shown.length, 'smaller one')}.</p>
      )}
      <MissingList side="A" missing={onlyA} onShow={onShow} />
      <MissingList side="B" missing={onlyB} onShow={onShow} />
    </>
  );
}

const sizeOf = ({ selfA, selfB }: Ranked): number => selfB - selfA;

function RankedEntry(props: {
  entry: Ranked;
  place: number;
  share: number;
  current: boolean;
  onShow: (pair: number) => void;
}) {
  const { entry, place, share, current, onShow } = props;
  const { countA, countB, selfA, selfB } = entry;
  const kind = KIND_NAMES[entry.kind];
  return (
    <button
      type="button"
      className={styles.entry}
      aria-current={current}
      onClick={() => onShow(entry.pair)}
    >
      <span className="num t3">{place}</span>
      <span className={styles.entryName}>
        <Service name={entry.service} />
        <span className="t3">{countA === countB ? `${countA}×` : `${countA}× → ${countB}×`}</span>
      </span>
      <b className="num">{signed(selfB - selfA)}</b>
      <span className={classes('mono ell t2', styles.second)}>
        {kind && kind !== 'internal' ? `${kind} ` : ''}
        <bdi>{oneLine(entry.name, 120) || '(no name)'}</bdi>
      </span>
      <span className="num t3">
        {formatDuration(selfA)} → {formatDuration(selfB)}
      </span>
      <span className={styles.meter}>
        <i
          style={{
            width: `${share * 100}%`,
            background: selfB >= selfA ? 'var(--b)' : 'var(--a)',
          }}
        />
      </span>
    </button>
  );
}

function MissingList(props: {
  side: 'A' | 'B';
  missing: readonly Missing[];
  onShow: (pair: number) => void;
}) {
  const { side, missing, onShow } = props;
  if (missing.length === 0) return null;
  const spans = missing.reduce((sum, entry) => sum + entry.spans, 0);
  return (
    <>
      <h2 className={styles.listHead}>
        Only in {side} <span className="t3">{plural(spans, 'span')}</span>
      </h2>
      <ul>
        {missing.slice(0, RANKED_MAX).map((entry) => (
          <li key={`${entry.service} ${entry.name}`}>
            <button type="button" className={styles.entry} onClick={() => onShow(entry.pair)}>
              <span className={classes('num', side === 'A' ? styles.a : styles.b)}>
                {side === 'A' ? '−' : '+'}
              </span>
              <span className={styles.entryName}>
                <Service name={entry.service} />
                <span className="t3">{formatCount(entry.count)}×</span>
              </span>
              <b className="num">{formatDuration(entry.duration)}</b>
              <span className={classes('mono ell t2', styles.second)}>
                <bdi>{oneLine(entry.name, 120) || '(no name)'}</bdi>
              </span>
              <span className="num t3">{plural(entry.spans, 'span')}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
