// The parts of a span beside its attributes: events, links, ids and times, raw JSON.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import type { Attribute, SpanDetail } from '../api/types';
import { formatDuration } from '../lib/duration';
import { block, cut, formatBytes, oneLine, plural } from '../lib/text';
import { formatInstant, zoneName, type Zone } from '../lib/zone';
import { ErrorPanel } from '../shell/ErrorPanel';
import { Button, Service } from '../ui/controls';
import { CopyButton } from '../ui/copy';
import { AttributeList } from './Attributes';
import { findBacklinks } from './backlinks';
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

/** Links to the span from others, looked for on demand. */
function LinksBack({ traceId, spanId }: { traceId: string; spanId: string }) {
  const [isWanted, setWanted] = useState(false);
  const query = useQuery({
    queryKey: ['backlinks', traceId, spanId] as const,
    queryFn: ({ signal }) => findBacklinks(traceId, spanId, signal),
    enabled: isWanted,
    staleTime: 30_000,
  });
  const { data } = query;
  return (
    <section aria-label="Links to this span">
      <div className={styles.section}>
        <h3>To this span</h3>
      </div>
      {!isWanted && !data && (
        <p className={styles.ask}>
          <Button size="small" onClick={() => setWanted(true)}>
            Look for links to this span
          </Button>
          <span className="t3">Reads all links in the store.</span>
        </p>
      )}
      {query.isFetching && <p className={styles.empty}>Looking…</p>}
      {query.isError && !query.isFetching && (
        <ErrorPanel
          what="Links to this span could not be looked for"
          error={query.error}
          onRetry={() => void query.refetch()}
        />
      )}
      {data && (
        <ol>
          {data.links.map(({ traceId: trace, spanId: span, service, name }) => (
            <li key={`${trace} ${span}`} className={styles.backlink}>
              <Service name={service} />
              <Link
                className="ell"
                to="/trace/$traceId"
                params={{ traceId: trace }}
                search={{ span }}
              >
                <bdi>{oneLine(name, 200) || '(no name)'}</bdi>
              </Link>
              <span className="mono t3">
                {trace === traceId ? 'this trace' : oneLine(trace.slice(0, 8))}
              </span>
            </li>
          ))}
        </ol>
      )}
      {data && data.links.length === 0 && (
        <p className={styles.empty}>
          {data.isCut ? 'None found before the server stopped' : 'No span links to this one'}
        </p>
      )}
      {data?.isCut && data.links.length > 0 && (
        <p className={styles.empty}>There are more; these are the first.</p>
      )}
    </section>
  );
}

/** Links out of the span, and back to it. */
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
      <LinksBack key={detail.span_id} traceId={traceId} spanId={detail.span_id} />
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
