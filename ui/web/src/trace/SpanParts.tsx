// The parts of a span beside its attributes: events, links, ids and times, raw JSON.

import { Link } from '@tanstack/react-router';

import type { Attribute, SpanDetail } from '../api/types';
import { formatDuration } from '../lib/duration';
import { block, cut, formatBytes, oneLine, plural } from '../lib/text';
import { formatInstant, zoneName, type Zone } from '../lib/zone';
import { CopyButton } from '../ui/copy';
import { AttributeList } from './Attributes';
import styles from './panel.module.css';

/** Events and links drawn of one span. */
const ITEMS_MAX = 200;

/** Characters of raw JSON that are drawn. */
const RAW_MAX = 100_000;

function fact(key: string, value: string): Attribute {
  return { key, type: 'string', value };
}

/** Ids, times to the nanosecond, and how the span came in. */
export function Origin({ detail, zone }: { detail: SpanDetail; zone: Zone }) {
  const {
    start_time_unix_nano: start,
    end_time_unix_nano: end,
    ingested_at_unix_nano: ingested,
  } = detail;
  const instant = (ns: bigint): string =>
    ns === 0n ? 'not given' : `${formatInstant(ns, zone, 9)} ${zoneName(zone, ns)}`;
  const facts = [
    fact('span id', detail.span_id),
    ...(detail.parent_span_id ? [fact('parent span id', detail.parent_span_id)] : []),
    fact('start', instant(start)),
    fact('end', instant(end)),
    fact('received', instant(ingested)),
    ...(detail.trace_state ? [fact('trace state', detail.trace_state)] : []),
    ...(detail.flags ? [fact('flags', `0x${detail.flags.toString(16)}`)] : []),
    ...(detail.sample_weight === 1
      ? []
      : [fact('stands for', `${detail.sample_weight.toLocaleString('en-US')} spans`)]),
  ];
  return <AttributeList title="Identity" attributes={facts} />;
}

/** Events, with their time from the start of the span. */
export function Events({ detail, zone }: { detail: SpanDetail; zone: Zone }) {
  const { events, dropped_events_count: dropped, start_time_unix_nano: start } = detail;
  return (
    <>
      {events.length + dropped === 0 && <p className={styles.empty}>No events</p>}
      <ol>
        {events.slice(0, ITEMS_MAX).map((event, i) => (
          <li key={i} className={styles.event}>
            <div className={styles.eventHead}>
              <span
                title={`${formatInstant(event.time_unix_nano, zone, 9)} ${zoneName(zone, event.time_unix_nano)}`}
              >
                {event.time_unix_nano >= start ? '+' : ''}
                {formatDuration(event.time_unix_nano - start)}
              </span>
              <b>
                <bdi>{oneLine(event.name, 1000) || '(no name)'}</bdi>
              </b>
            </div>
            <AttributeList
              title="Event"
              attributes={event.attributes}
              dropped={event.dropped_attributes_count}
            />
          </li>
        ))}
      </ol>
      {events.length > ITEMS_MAX && (
        <p className={styles.empty}>{plural(events.length - ITEMS_MAX, 'event')} more, in Raw</p>
      )}
      {dropped > 0 && (
        <p className={styles.empty}>{plural(dropped, 'event')} dropped by the sender</p>
      )}
    </>
  );
}

/** Links out of the span. */
export function Links({ detail, traceId }: { detail: SpanDetail; traceId: string }) {
  const { links, dropped_links_count: dropped } = detail;
  return (
    <>
      {links.length + dropped === 0 && <p className={styles.empty}>No links</p>}
      <ol>
        {links.slice(0, ITEMS_MAX).map((link, i) => (
          <li key={i} className={styles.event}>
            <div className={styles.eventHead}>
              <span>{link.trace_id === traceId ? 'in this trace' : 'in trace'}</span>
              <Link
                className="mono ell"
                to="/trace/$traceId"
                params={{ traceId: link.trace_id }}
                search={{ span: link.span_id }}
              >
                {oneLine(link.trace_id, 64)} / {oneLine(link.span_id, 32)}
              </Link>
            </div>
            <AttributeList
              title="Link"
              attributes={
                link.trace_state
                  ? [fact('trace state', link.trace_state), ...link.attributes]
                  : link.attributes
              }
            />
          </li>
        ))}
      </ol>
      {links.length > ITEMS_MAX && (
        <p className={styles.empty}>{plural(links.length - ITEMS_MAX, 'link')} more, in Raw</p>
      )}
      {dropped > 0 && (
        <p className={styles.empty}>{plural(dropped, 'link')} dropped by the sender</p>
      )}
    </>
  );
}

/** The answer of the server as it came. */
export function Raw({ raw }: { raw: unknown }) {
  const text = JSON.stringify(raw, null, 2);
  return (
    <>
      <div className={styles.section}>
        <h3>{formatBytes(text.length)} of JSON</h3>
        <span className="grow" />
        <CopyButton text={text} label="Copy the JSON" />
      </div>
      <pre className={styles.raw}>{block(cut(text, RAW_MAX))}</pre>
      {text.length > RAW_MAX && (
        <p className={styles.empty}>Cut after {formatBytes(RAW_MAX)}; copying takes all of it.</p>
      )}
    </>
  );
}
