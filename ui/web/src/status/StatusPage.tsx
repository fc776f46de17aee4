// How the server is: what comes in, what is turned away, what is stored where, how long it stays.

import { TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';

import type { Status } from '../api/types';
import { Chart, type Series } from '../chart/Chart';
import { formatDuration } from '../lib/duration';
import { formatBytes, formatCount } from '../lib/text';
import { formatInstant, zoneName, type Zone } from '../lib/zone';
import { ErrorPanel } from '../shell/ErrorPanel';
import { nowNanos } from '../shell/now';
import { Page } from '../shell/pages';
import shell from '../shell/shell.module.css';
import { useZone } from '../shell/useZone';
import { Icon } from '../ui/controls';
import { doorsOf, FATES, fatesOf, outcomesOf, type Door, type Fate } from './ingest';
import { sumOf, type Metrics } from './metrics';
import { ratesOf, recentRate, type Reading } from './rates';
import styles from './status.module.css';
import { EVERY_MS, useStatus, type Counted } from './useStatus';

/** Shortest axis of the chart of rates, ms. */
const AXIS_MS = 120_000;

/** See the module. */
export function StatusPage() {
  const [zone] = useZone();
  const { status, counted } = useStatus();
  const failed = status.isError ? status : counted.isError ? counted : undefined;
  return (
    <Page title="Status" className={styles.page}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- else it could not be scrolled by keys */}
      <div className={styles.scroll} role="region" aria-label="Figures" tabIndex={0}>
        <h1>Status</h1>
        {failed && (
          <ErrorPanel
            what="The server’s status could not be read"
            error={failed.error}
            onRetry={() => {
              void status.refetch();
              void counted.refetch();
            }}
          />
        )}
        {status.data && <Faults status={status.data} />}
        {status.data && counted.data ? (
          <div className={classesOf(failed !== undefined)}>
            <Figures status={status.data} readings={counted.data.readings} />
            <Ingest {...counted.data} zone={zone} />
            <Outcomes metrics={counted.data.metrics} />
            <Storage status={status.data} metrics={counted.data.metrics} />
            <Server status={status.data} metrics={counted.data.metrics} zone={zone} />
          </div>
        ) : (
          !failed && (
            <div className={styles.waiting} aria-busy="true">
              Asking the server…
            </div>
          )
        )}
      </div>
      <footer className={shell.status} aria-label="Coverage of the answer">
        <span className={failed ? 'err' : 'ok'}>
          {failed ? 'No answer' : `Live, every ${EVERY_MS / 1000} s`}
        </span>
        <span className="medium-only">Counters run from the start of the server</span>
      </footer>
    </Page>
  );
}

const classesOf = (isOld: boolean): string =>
  isOld ? `${styles.body} ${styles.old}` : (styles.body as string);

/** What keeps the store from doing its work. */
function Faults({ status }: { status: Status }) {
  const faults = [
    status.unavailable && `Nothing can be stored: ${status.unavailable}`,
    status.flush_error && `The last flush failed, spans stay in the log: ${status.flush_error}`,
  ].filter((fault) => fault !== null && fault !== '');
  return faults.map((fault) => (
    <div key={fault} className={styles.fault} role="alert">
      <Icon of={TriangleAlert} />
      <span>{fault}</span>
    </div>
  ));
}

function Figures({ status, readings }: { status: Status; readings: readonly Reading[] }) {
  const bytes = status.stored_bytes + status.wal_bytes;
  const figures: [name: string, value: string, note?: string][] = [
    ['Spans stored now', rate(recentRate(readings, 'stored')), 'over 10 s'],
    ['Spans', formatCount(status.stored_spans + status.hot_spans)],
    ['Segments', formatCount(status.segments)],
    ['On disk', formatBytes(bytes), `log ${formatBytes(status.wal_bytes)}`],
    [
      'A span takes',
      status.stored_spans > 0 ? `${(status.stored_bytes / status.stored_spans).toFixed(1)} B` : '–',
      'in segments',
    ],
    ['Up', formatDuration(status.uptime_s * 1e9)],
  ];
  return (
    <dl className={styles.figures}>
      {figures.map(([name, value, note]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {note && <small>{note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function rate(perSecond: number | undefined): string {
  if (perSecond === undefined) return '–';
  const digits = perSecond > 0 && perSecond < 10 ? 1 : 0;
  return `${perSecond.toLocaleString('en-US', { maximumFractionDigits: digits })}/s`;
}

function Section(props: { title: string; note?: ReactNode; children: ReactNode }) {
  const { title, note, children } = props;
  return (
    <section className={styles.section} aria-label={title}>
      <h2>
        {title}
        {note && <small>{note}</small>}
      </h2>
      {children}
    </section>
  );
}

const FATE_WORDS: Record<Fate, string> = {
  received: 'Received',
  stored: 'Stored',
  rejected: 'Rejected',
  sampled_out: 'Sampled out',
  refused: 'Refused',
};

function Ingest(props: Counted & { zone: Zone }) {
  const { metrics, readings, zone } = props;
  const doors = doorsOf(metrics);
  const to = readings.at(-1)?.at ?? 0;
  const from = Math.min(readings[0]?.at ?? to, to - AXIS_MS);
  const turnedAway = addRates(ratesOf(readings, 'rejected'), ratesOf(readings, 'refused'));
  const series: Series[] = [
    {
      name: 'stored',
      points: ratesOf(readings, 'stored'),
      look: 'line',
      color: 'var(--accent)',
      width: 1.5,
    },
    { name: 'turned away', points: turnedAway, look: 'line', color: 'var(--error)', dash: '4 3' },
  ];
  const now = recentRate(readings, 'stored');
  return (
    <Section title="Ingest" note="spans a second while this page is open">
      <Chart
        label={`Spans a second: ${rate(now)} stored in the last 10 s, ${rate(turnedAway.at(-1)?.y)} turned away`}
        series={series}
        from={from}
        to={to}
        height={150}
        zone={zone}
        atLeast={1}
      />
      <ul className={styles.legend}>
        <li>
          <i className={styles.stored} /> stored
        </li>
        <li>
          <i className={styles.away} /> rejected or refused
        </li>
      </ul>
      {doors.length === 0 ? (
        <p className="t2">Nothing has come in since the server started.</p>
      ) : (
        <Doors doors={doors} total={fatesOf(metrics)} readings={readings} />
      )}
    </Section>
  );
}

function addRates(
  a: readonly { x: number; y: number }[],
  b: readonly { x: number; y: number }[],
): { x: number; y: number }[] {
  return a.map(({ x, y }, i) => ({ x, y: y + (b[i]?.y ?? 0) }));
}

function Doors(props: {
  doors: readonly Door[];
  total: Record<Fate, number>;
  readings: readonly Reading[];
}) {
  const { doors, total, readings } = props;
  return (
    <div className={styles.tableBox}>
      <table className={styles.table} aria-label="Spans by protocol">
        <thead>
          <tr>
            <th scope="col">Protocol</th>
            <th scope="col" className="num">
              Requests
            </th>
            <th scope="col" className="num">
              Now
            </th>
            {FATES.map((fate) => (
              <th key={fate} scope="col" className="num">
                {FATE_WORDS[fate]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {doors.map(({ protocol, name, spans, requests }) => (
            <tr key={protocol}>
              <th scope="row">{name}</th>
              <td className="num">{formatCount(requests)}</td>
              <td className="num">{rate(recentRate(readings, `door ${protocol}`))}</td>
              <Fates spans={spans} />
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">All</th>
            <td className="num">
              {formatCount(doors.reduce((sum, { requests }) => sum + requests, 0))}
            </td>
            <td className="num">{rate(recentRate(readings, 'stored'))}</td>
            <Fates spans={total} />
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

function Fates({ spans }: { spans: Record<Fate, number> }) {
  return FATES.map((fate) => {
    const isBad = (fate === 'rejected' || fate === 'refused') && spans[fate] > 0;
    return (
      <td key={fate} className={isBad ? 'num err' : 'num'}>
        {isBad && <Icon of={TriangleAlert} />} {formatCount(spans[fate])}
      </td>
    );
  });
}

/** Words for what became of a request. */
const OUTCOMES: Readonly<Record<string, string>> = {
  accepted: 'Accepted',
  partial: 'Accepted in part: some spans were invalid',
  rejected: 'Rejected: every span was invalid',
  duplicate: 'Repeats of an earlier request, not stored again',
  invalid: 'Not readable',
  too_large: 'Too large',
  unsupported: 'Of a type that is not supported',
  not_found: 'At an unknown address',
  busy: 'Refused for the moment: too much at once',
  unavailable: 'Refused: the store took nothing',
  timed_out: 'Did not arrive in time',
  internal: 'Failed by a fault of the server',
};

function Outcomes({ metrics }: { metrics: Metrics }) {
  const outcomes = outcomesOf(metrics);
  const denied = sumOf(metrics, 'clew_http_refused_total') ?? 0;
  const queries = sumOf(metrics, 'clew_query_refused_total') ?? 0;
  const connections = sumOf(metrics, 'clew_http_connections_refused_total') ?? 0;
  const rows: [string, number][] = [
    ...outcomes.map(({ outcome, requests }): [string, number] => [
      OUTCOMES[outcome] ?? outcome,
      requests,
    ]),
    ['Turned away before that: wrong token, host or origin', denied],
    ['Connections over the limit', connections],
    ['Queries refused: too many at once', queries],
  ];
  return (
    <Section title="Requests" note="by what became of them">
      <dl className={styles.pairs}>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{formatCount(value)}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

function Storage({ status, metrics }: { status: Status; metrics: Metrics }) {
  const { retention, limits } = status;
  const dropped = sumOf(metrics, 'clew_retention_spans_total') ?? 0;
  const damaged = sumOf(metrics, 'clew_recovery_damaged_places') ?? 0;
  const seconds = (value: number | null | undefined, none: string): string =>
    typeof value === 'number' ? formatDuration(value * 1e9) : none;
  const pairs: [string, ReactNode][] = [
    ['Spans in segments', formatCount(status.stored_spans)],
    ['Size of segments', formatBytes(status.stored_bytes)],
    ['Manifest', `version ${formatCount(status.manifest_version)}`],
    ['Spans in the hot window', formatCount(status.hot_spans)],
    [
      'Size of the hot window',
      <Meter key="hot" value={status.hot_bytes} max={limits?.hot_window_bytes} name="Hot window" />,
    ],
    ['Size of the log', formatBytes(status.wal_bytes)],
    ['Spans are kept', retention ? seconds(retention.max_age_s, 'for ever') : 'unknown'],
    [
      'Old ones are looked for every',
      retention ? seconds(retention.interval_s, 'never, by itself') : 'unknown',
    ],
    ['Spans dropped by retention', formatCount(dropped)],
    ['Damaged places found at start', formatCount(damaged)],
  ];
  return (
    <Section title="Storage">
      <Pairs pairs={pairs} />
    </Section>
  );
}

function Server(props: { status: Status; metrics: Metrics; zone: Zone }) {
  const { status, metrics, zone } = props;
  const started = nowNanos() - BigInt(Math.round(status.uptime_s)) * 1_000_000_000n;
  const port = (value: number | null | undefined): string => {
    if (value === null) return 'off';
    if (value === undefined) return 'unknown';
    return value === 0 ? 'a free port, chosen at the start' : `port ${value}`;
  };
  const pairs: [string, ReactNode][] = [
    ['Version', status.version || 'unknown'],
    ['Started', `${formatInstant(started, zone, 0)} ${zoneName(zone, started)}`],
    [
      'Requests in flight',
      <Meter
        key="flight"
        value={sumOf(metrics, 'clew_ingest_in_flight_bytes') ?? 0}
        max={status.limits?.in_flight_bytes}
        name="Requests in flight"
      />,
    ],
    ['Largest request', status.limits ? formatBytes(status.limits.body_bytes) : 'unknown'],
    ['OTLP over gRPC', port(status.ports?.otlp_grpc)],
    ['OTLP over HTTP', port(status.ports?.otlp_http)],
    ['Zipkin', port(status.ports?.zipkin)],
  ];
  return (
    <Section title="Server">
      <Pairs pairs={pairs} />
    </Section>
  );
}

function Pairs({ pairs }: { pairs: readonly [string, ReactNode][] }) {
  return (
    <dl className={styles.pairs}>
      {pairs.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A size, and how much of its limit that is. */
function Meter(props: { value: number; max: number | undefined; name: string }) {
  const { value, max, name } = props;
  if (!max) return formatBytes(value);
  const share = Math.min(1, value / max);
  return (
    <span className={styles.meterRow}>
      <meter className={styles.meter} aria-label={name} value={value} max={max} />
      {formatBytes(value)} of {formatBytes(max)}
      <span className="sr">, {Math.round(share * 100)} percent</span>
    </span>
  );
}
