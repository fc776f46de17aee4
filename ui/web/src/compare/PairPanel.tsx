// The chosen pair: its times side by side, and the attributes in which the two spans differ.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { spanQuery } from '../api/queries';
import type { SpanDetail } from '../api/types';
import { oneLine, plural } from '../lib/text';
import { durationLabel } from '../trace/layout';
import { selfStretches, totalOf } from '../trace/selfTime';
import type { Skeleton } from '../trace/skeleton';
import { Service } from '../ui/controls';
import type { Comparison } from './comparison';
import styles from './compare.module.css';
import { signed } from './grid';
import { differingAttributes } from './attributes';

/** See the module. */
export function PairPanel({ comparison, pair }: { comparison: Comparison; pair: number }) {
  const [skeleton, row] = comparison.shown(pair);
  const rowA = comparison.alignment.a[pair] as number;
  const rowB = comparison.alignment.b[pair] as number;
  return (
    <section className={styles.pair} aria-label="Chosen spans">
      <h2>
        <Service name={skeleton.serviceName(row)} />
      </h2>
      <p className="mono">
        <bdi>{oneLine(skeleton.spanName(row), 400) || '(no name)'}</bdi>
      </p>
      <table>
        <thead>
          <tr>
            <th>
              <span className="sr">Figure</span>
            </th>
            <th scope="col" className="num">
              <b className={styles.a}>A</b>
            </th>
            <th scope="col" className="num">
              <b className={styles.b}>B</b>
            </th>
            <th scope="col" className="num">
              B − A
            </th>
          </tr>
        </thead>
        <tbody>
          <Times
            name="Duration"
            a={comparison.duration('a', pair)}
            b={comparison.duration('b', pair)}
          />
          <Times name="Self" a={selfOf(comparison.a, rowA)} b={selfOf(comparison.b, rowB)} />
        </tbody>
      </table>
      <p className={styles.links}>
        <SpanLink skeleton={comparison.a} row={rowA} side="A" />
        <SpanLink skeleton={comparison.b} row={rowB} side="B" />
      </p>
      {rowA !== -1 && rowB !== -1 && (
        <Attributes a={[comparison.a.head.trace_id, rowA]} b={[comparison.b.head.trace_id, rowB]} />
      )}
    </section>
  );
}

function selfOf(skeleton: Skeleton, row: number): number | undefined {
  return row === -1 ? undefined : totalOf(selfStretches(skeleton, row));
}

function Times({ name, a, b }: { name: string; a: number | undefined; b: number | undefined }) {
  const show = (ns: number | undefined): string => (ns === undefined ? 'none' : durationLabel(ns));
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="num">{show(a)}</td>
      <td className="num">{show(b)}</td>
      <td className="num medium">{signed((b ?? 0) - (a ?? 0))}</td>
    </tr>
  );
}

function SpanLink({ skeleton, row, side }: { skeleton: Skeleton; row: number; side: string }) {
  if (row === -1) return <span className="t3">Not in {side}</span>;
  return (
    <Link
      to="/trace/$traceId"
      params={{ traceId: skeleton.head.trace_id }}
      search={{ span: skeleton.reference(row) }}
    >
      Open in {side}
    </Link>
  );
}

type Place = readonly [traceId: string, row: number];

function Attributes({ a, b }: { a: Place; b: Place }) {
  const first = useQuery(spanQuery(...a));
  const second = useQuery(spanQuery(...b));
  if (first.isError || second.isError)
    return <p className="t3">The attributes could not be loaded.</p>;
  if (!first.data || !second.data) return <p className="t3">Loading the attributes…</p>;
  return <Differences a={first.data.detail} b={second.data.detail} />;
}

function Differences({ a, b }: { a: SpanDetail; b: SpanDetail }) {
  const { differing, same } = differingAttributes(a, b);
  return (
    <>
      <h3>Attributes that differ</h3>
      {differing.length === 0 && <p className="t3">None.</p>}
      <dl className={styles.attributes}>
        {differing.map(({ key, a: ofA, b: ofB }) => (
          <div key={key}>
            <dt className="mono">{oneLine(key, 120)}</dt>
            <Value side="A" text={ofA} />
            <Value side="B" text={ofB} />
          </div>
        ))}
      </dl>
      {same > 0 && <p className="t3">{plural(same, 'attribute')} the same in both.</p>}
    </>
  );
}

function Value({ side, text }: { side: 'A' | 'B'; text: string | undefined }) {
  return (
    <dd>
      <b className={side === 'A' ? styles.a : styles.b}>{side}</b>
      {text === undefined ? (
        <span className="t3">none</span>
      ) : (
        <bdi className="mono">{oneLine(text, 400)}</bdi>
      )}
    </dd>
  );
}
