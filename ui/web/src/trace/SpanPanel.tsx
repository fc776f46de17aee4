// The span under the cursor: what the skeleton knows at once, the rest fetched.

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link2, X } from 'lucide-react';
import { useEffect, useState } from 'react';

import { spanQuery, type SpanAnswer } from '../api/queries';
import type { SpanDetail } from '../api/types';
import { formatDuration } from '../lib/duration';
import { oneLine } from '../lib/text';
import type { Zone } from '../lib/zone';
import { ErrorPanel } from '../shell/ErrorPanel';
import { Icon, IconButton, Service, Tabs, Tag, type TabItem } from '../ui/controls';
import { CopyButton } from '../ui/copy';
import { TriangleAlert } from 'lucide-react';
import { Alike } from './Alike';
import { AttributeList, Attributes } from './Attributes';
import { durationLabel, formatPosition } from './layout';
import styles from './panel.module.css';
import { KIND_NAMES } from './rows';
import { totalOf } from './selfTime';
import { SpanRank } from './SpanRank';
import { FLAG_ORPHAN, FLAG_SHARED_ID, STATUS_ERROR, type Skeleton } from './skeleton';
import { Events, Links, Origin, Raw } from './SpanParts';
import type { TraceStore } from './store';
import { useStore } from './useStore';

type TabKey = 'attributes' | 'events' | 'links' | 'resource' | 'raw';

/** Pause before a span is fetched: moving the cursor quickly fetches only where it stops. */
const FETCH_MS = 90;

/** See the module. */
export function SpanPanel({
  store,
  zone,
  onClose,
}: {
  store: TraceStore;
  zone: Zone;
  onClose: () => void;
}) {
  const row = useStore(store, ['cursor'], ({ cursor }) => cursor);
  const wanted = useStore(store, ['cursor', 'rows', 'panel'], (state) => state.wanted);
  return (
    <aside className={styles.panel} aria-label="Span">
      {wanted !== undefined || row === -1 ? (
        <Missing wanted={wanted} complete={store.complete} onClose={onClose} />
      ) : (
        <Span store={store} row={row} zone={zone} onClose={onClose} />
      )}
    </aside>
  );
}

function Missing(props: { wanted: string | undefined; complete: boolean; onClose: () => void }) {
  const { wanted, complete, onClose } = props;
  const text =
    wanted === undefined
      ? 'No span is chosen.'
      : complete
        ? `This trace has no span ${oneLine(wanted, 40)}.`
        : 'The span is still loading.';
  return (
    <div className={styles.head}>
      <div className={styles.headRow}>
        <span className="grow">{text}</span>
        <IconButton size="small" icon={X} label="Close (Esc)" onClick={onClose} />
      </div>
    </div>
  );
}

function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

interface SpanProps {
  store: TraceStore;
  row: number;
  zone: Zone;
  onClose: () => void;
}

function Span({ store, row, zone, onClose }: SpanProps) {
  const settled = useSettled(row, FETCH_MS);
  const { trace_id: traceId } = store.skeleton.head;
  const query = useQuery({ ...spanQuery(traceId, settled), placeholderData: keepPreviousData });
  const answer = query.data?.detail.row === row ? query.data : undefined;
  return (
    <>
      <div className={styles.summary}>
        <Head store={store} row={row} detail={answer?.detail} onClose={onClose} />
        <Times store={store} row={row} />
        <Alike store={store} row={row} />
        {answer && <SpanRank detail={answer.detail} traceId={traceId} />}
      </div>
      <div className={styles.parts}>
        {query.isError && settled === row ? (
          <ErrorPanel
            what="The span could not be loaded"
            error={query.error}
            onRetry={() => void query.refetch()}
          />
        ) : (
          <Parts answer={answer} zone={zone} traceId={traceId} />
        )}
      </div>
    </>
  );
}

function Head({
  store,
  row,
  detail,
  onClose,
}: {
  store: TraceStore;
  row: number;
  detail: SpanDetail | undefined;
  onClose: () => void;
}) {
  const { skeleton } = store;
  const { kind, status, flags, parentRow } = skeleton.columns;
  const message = detail?.status.message;
  const bits = flags[row] as number;
  const kindName = KIND_NAMES[kind[row] as number];
  return (
    <div className={styles.head}>
      <div className={styles.headRow}>
        <span className="t2 ell">
          <Service name={skeleton.serviceName(row)} />
        </span>
        {kindName && <Tag>{kindName}</Tag>}
        {status[row] === STATUS_ERROR && (
          <Tag look="error">
            <Icon of={TriangleAlert} />
            error
          </Tag>
        )}
        {status[row] === 1 && <Tag>ok</Tag>}
        <span className="grow" />
        <CopyButton
          text={() => linkTo(skeleton, row)}
          icon={Link2}
          label="Copy a link to this span"
        />
        <CopyButton text={() => skeleton.spanIdHex(row)} label="Copy the span id" />
        <IconButton size="small" icon={X} label="Close (Esc)" onClick={onClose} />
      </div>
      <h2>
        <bdi>{oneLine(skeleton.spanName(row), 1000) || '(no name)'}</bdi>
      </h2>
      {message && <p className={styles.message}>{oneLine(message, 2000)}</p>}
      {(bits & FLAG_ORPHAN) !== 0 && (
        <p className={styles.note}>Its parent is not among the spans of this trace.</p>
      )}
      {detail?.parent_span_id && parentRow[row] === -1 && (bits & FLAG_ORPHAN) === 0 && (
        <p className={styles.note}>
          Its parents form a circle. It was cut above this span, the earliest of them.
        </p>
      )}
      {skeleton.isSkewed(row) && (
        <p className={styles.note}>
          It starts before its parent: the clocks of their services differ.
        </p>
      )}
      {(bits & FLAG_SHARED_ID) !== 0 && (
        <p className={styles.note}>Client and server reported this call under one span id.</p>
      )}
    </div>
  );
}

/** Address of the trace with this span open and nothing else set. */
function linkTo(skeleton: Skeleton, row: number): string {
  const url = new URL(location.href);
  url.search = new URLSearchParams({ span: skeleton.reference(row) }).toString();
  return url.href;
}

function Times({ store, row }: { store: TraceStore; row: number }) {
  const { skeleton, selfTimes, full } = store;
  const { start, duration } = skeleton.columns;
  const length = duration[row] as number;
  // The path is there when all rows are.
  useStore(store, ['rows'], ({ complete }) => complete);
  const critical = store.criticalPath()?.between(row, row + 1) ?? 0;
  const facts: [string, string][] = [
    ['Duration', durationLabel(length)],
    ['Self', length > 0 ? formatDuration(totalOf(selfTimes.of(row))) : '–'],
    [
      'Start',
      skeleton.hasNoStart(row)
        ? 'unknown'
        : `+${formatPosition(start[row] as number, Math.abs(length) / 10 || full.to / 1e4)}`,
    ],
    ['Critical', critical > 0 ? formatDuration(critical) : '–'],
  ];
  return (
    <dl className={styles.times}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Parts({
  answer,
  zone,
  traceId,
}: {
  answer: SpanAnswer | undefined;
  zone: Zone;
  traceId: string;
}) {
  const [tab, setTab] = useState<TabKey>('attributes');
  const detail = answer?.detail;
  const items: TabItem<TabKey>[] = [
    { key: 'attributes', label: 'Attributes', ...(detail && { count: detail.attributes.length }) },
    { key: 'events', label: 'Events', ...(detail && { count: detail.events.length }) },
    { key: 'links', label: 'Links', ...(detail && { count: detail.links.length }) },
    { key: 'resource', label: 'Resource' },
    { key: 'raw', label: 'Raw' },
  ];
  return (
    <>
      <div className={styles.tabRow}>
        <Tabs id="span" label="Parts of the span" items={items} selected={tab} onSelect={setTab} />
      </div>
      <div
        className={styles.body}
        id="span-panel"
        role="tabpanel"
        aria-labelledby={`span-${tab}`}
        tabIndex={0}
        aria-busy={!detail}
      >
        {!answer || !detail ? (
          <div className={styles.skeleton} aria-hidden="true">
            {[70, 84, 62, 78, 55].map((width) => (
              <i key={width} style={{ width: `${width}%` }} />
            ))}
          </div>
        ) : (
          <>
            {tab === 'attributes' && (
              <>
                <Attributes detail={detail} />
                <Origin detail={detail} zone={zone} />
              </>
            )}
            {tab === 'events' && <Events detail={detail} zone={zone} />}
            {tab === 'links' && <Links detail={detail} traceId={traceId} />}
            {tab === 'resource' && <Resource answer={answer} />}
            {tab === 'raw' && <Raw raw={answer.raw} />}
          </>
        )}
      </div>
    </>
  );
}

function Resource({ answer }: { answer: SpanAnswer }) {
  const { resource, scope, service_name: service } = answer.detail;
  const scopeFacts = [
    { key: 'name', type: 'string' as const, value: scope.name },
    { key: 'version', type: 'string' as const, value: scope.version },
    { key: 'schema_url', type: 'string' as const, value: scope.schema_url },
  ].filter(({ value }) => value !== '');
  return (
    <>
      <AttributeList
        title="Resource"
        attributes={resource.attributes}
        service={service}
        dropped={resource.dropped_attributes_count}
      />
      {resource.schema_url && (
        <AttributeList
          title="Schema"
          attributes={[{ key: 'schema_url', type: 'string', value: resource.schema_url }]}
        />
      )}
      <AttributeList
        title="Instrumentation scope"
        attributes={[...scopeFacts, ...scope.attributes]}
      />
    </>
  );
}
