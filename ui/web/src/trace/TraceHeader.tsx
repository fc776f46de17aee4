// The facts of a trace, and what can be done with the whole of it.

import { Link } from '@tanstack/react-router';
import { ChevronLeft, Download, GitCompareArrows, TriangleAlert } from 'lucide-react';
import { Fragment, useState, type ReactNode } from 'react';

import { ask } from '../api/client';
import type { TraceHead } from '../api/types';
import { lastExplore } from '../explore/lastExplore';
import { formatDuration } from '../lib/duration';
import { formatCount, oneLine } from '../lib/text';
import { formatInstant, zoneName, type Zone } from '../lib/zone';
import { Button, classes, Icon, Service } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { CopyButton } from '../ui/copy';
import { ArchiveButton } from './ArchiveButton';
import styles from './trace.module.css';

/** See the module. */
export function TraceHeader(props: {
  head: TraceHead;
  zone: Zone;
  /** Time in which nothing happens but waiting, where there is much of it. */
  idleNs: number;
}) {
  const { head, zone, idleNs } = props;
  const { trace_id: traceId, start_time_unix_nano: start } = head;
  return (
    <header className={styles.head}>
      <Link
        to="/explore"
        search={lastExplore()}
        className={classes(controls.button, controls.ghost, controls.iconOnly)}
        aria-label="Back to results"
        title="Back to results"
      >
        <Icon of={ChevronLeft} />
      </Link>
      <div className={styles.titles}>
        <h1>
          <Service name={head.root_service_name} />
          <bdi className="ell" title={oneLine(head.root_name)}>
            {oneLine(head.root_name) || '(no name)'}
          </bdi>
        </h1>
        <div className={styles.sub}>
          <span className="mono t2 ell" title={traceId}>
            {withoutPadding(traceId)}
          </span>
          <CopyButton text={traceId} label="Copy the trace id" />
          <span className="ell">
            {formatInstant(start, zone, 6)} {zoneName(zone, start)}
          </span>
        </div>
      </div>
      <Facts head={head} idleNs={idleNs} />
      <div className={styles.actions}>
        <ArchiveButton key={traceId} traceId={traceId} />
        <DownloadButton traceId={traceId} />
        <Link
          to="/compare"
          search={{ a: traceId }}
          className={controls.button}
          aria-label="Compare with another trace"
          title="Compare with another trace (x)"
        >
          <Icon of={GitCompareArrows} />
          <span className="wide-only">Compare</span>
        </Link>
      </div>
    </header>
  );
}

/** A 64-bit id without the zeros that make it 128 bits long. */
function withoutPadding(traceId: string): string {
  return traceId.replace(/^0{16}(?=[0-9a-f]{16}$)/, '');
}

function Facts({ head, idleNs }: { head: TraceHead; idleNs: number }) {
  const facts: [name: string, value: ReactNode, className?: string][] = [
    [
      'Duration',
      <Fragment key="duration">
        {formatDuration(head.duration_ns)}
        {idleNs > 0 && (
          <small className="wide-only" title="Time less long idle stretches">
            {formatDuration(Number(head.duration_ns) - idleNs)} active
          </small>
        )}
      </Fragment>,
    ],
    ['Spans', formatCount(head.span_count)],
    ['Services', formatCount(head.services.length)],
    ['Depth', formatCount(head.depth)],
    [
      'Errors',
      <Count key="errors" value={head.error_count} />,
      head.error_count > 0 ? 'err' : 't3',
    ],
  ];
  if (head.orphan_count > 0)
    facts.push(['Orphans', <Count key="orphans" value={head.orphan_count} />, 'warn']);
  return (
    <dl className={styles.facts}>
      {facts.map(([name, value, className]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className={className}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Count({ value }: { value: number }) {
  return (
    <>
      {value > 0 && <Icon of={TriangleAlert} />}
      {formatCount(value)}
    </>
  );
}

/** Saves the trace as OTLP JSON. Fetched by script, so that the token goes along. */
function DownloadButton({ traceId }: { traceId: string }) {
  const [state, setState] = useState<'idle' | 'busy' | 'failed'>('idle');
  const save = async () => {
    setState('busy');
    try {
      const response = await ask(`traces/${encodeURIComponent(traceId)}/otlp`);
      const url = URL.createObjectURL(await response.blob());
      const link = document.createElement('a');
      link.href = url;
      link.download = `trace-${traceId}.json`;
      link.click();
      URL.revokeObjectURL(url);
      setState('idle');
    } catch {
      setState('failed');
    }
  };
  const label = state === 'failed' ? 'The download failed. Try again' : 'Download as OTLP JSON';
  return (
    <Button
      iconOnly
      aria-label={label}
      title={label}
      disabled={state === 'busy'}
      onClick={() => void save()}
    >
      <Icon of={state === 'failed' ? TriangleAlert : Download} />
    </Button>
  );
}
