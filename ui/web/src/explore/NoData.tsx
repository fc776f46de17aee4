// A store without spans: where to send them, and a wait that ends by itself with the first one.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { statusQuery } from '../api/queries';
import { formatCount } from '../lib/text';
import { useElapsed } from '../shell/useElapsed';
import { Tabs } from '../ui/controls';
import { CopyButton } from '../ui/copy';
import styles from './explore.module.css';
import { portsOf, snippets, type Ports } from './firstSpan';

/** How often the store is asked for its first span, ms. */
const POLL_MS = 1000;

type SnippetKey = 'env' | 'collector' | 'curl' | 'import';

function Doors({ ports, host }: { ports: Ports; host: string }) {
  const doors: [port: string | undefined, what: string][] = [
    [ports.grpc, 'OTLP over gRPC'],
    [ports.http, 'OTLP over HTTP, protobuf or JSON'],
    [ports.zipkin, 'Zipkin, v1 and v2'],
  ];
  return (
    <div className={styles.ports}>
      {doors.flatMap(([port, what]) =>
        port === undefined
          ? []
          : [
              <span key={what} className="mono">
                {host}:{port}
              </span>,
              <span key={`${what} what`} className="t2">
                {what}
              </span>,
            ],
      )}
    </div>
  );
}

/** See the module. */
export function NoData() {
  const queries = useQueryClient();
  const status = useQuery({ ...statusQuery(), refetchInterval: POLL_MS });
  const spans = (status.data?.stored_spans ?? 0) + (status.data?.hot_spans ?? 0);
  useEffect(() => {
    if (spans === 0) return;
    void queries.invalidateQueries({ queryKey: ['search'] });
    void queries.invalidateQueries({ queryKey: ['services'] });
    void queries.invalidateQueries({ queryKey: ['operations'] });
  }, [spans, queries]);
  const waited = Math.round(useElapsed(true, POLL_MS) / 1000);
  const host = location.hostname || '127.0.0.1';
  const ports = portsOf(status.data?.ports);
  return (
    <div className={styles.empty}>
      <div>
        <h2 className={styles.big}>Waiting for the first span</h2>
        <p className={styles.lead}>
          Point an exporter at one of these addresses. A span shows up here as soon as its request
          is acknowledged.
        </p>
        <Doors ports={ports} host={host} />
        <div className={styles.waiting}>
          <span className={styles.pulse} />
          <span className="grow">
            <b role="status">Received {formatCount(spans)} spans</b>{' '}
            <span className="t3">
              in {Math.floor(waited / 60)} m {String(waited % 60).padStart(2, '0')} s
            </span>
          </span>
          {status.data?.unavailable && (
            <span className="err">Ingest refused: {status.data.unavailable}</span>
          )}
        </div>
      </div>
      <Snippets ports={ports} host={host} />
    </div>
  );
}

function Snippets({ ports, host }: { ports: Ports; host: string }) {
  const [shown, setShown] = useState<SnippetKey>('env');
  const text = snippets(ports, host)[shown];
  return (
    <div>
      <div className={styles.code}>
        <div className={styles.codeHead}>
          <Tabs
            id="snippet"
            label="Ways to send spans"
            items={[
              { key: 'env', label: 'Environment' },
              { key: 'collector', label: 'Collector' },
              { key: 'curl', label: 'curl' },
              { key: 'import', label: 'Import' },
            ]}
            selected={shown}
            onSelect={setShown}
          />
          <CopyButton text={text} label="Copy the snippet" words="Copy" />
        </div>
        <pre id="snippet-panel" role="tabpanel" aria-labelledby={`snippet-${shown}`} tabIndex={0}>
          {text.split('\n').map((line, i) => (
            <span key={i} className={line.startsWith('#') ? 't3' : undefined}>
              {line}
              {'\n'}
            </span>
          ))}
        </pre>
      </div>
    </div>
  );
}
