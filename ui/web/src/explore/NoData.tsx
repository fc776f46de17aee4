// A store without spans: where to send them, and a wait that ends by itself with the first one.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { statusQuery } from '../api/queries';
import { formatCount } from '../lib/text';
import { useElapsed } from '../shell/useElapsed';
import { Tabs } from '../ui/controls';
import { CopyButton } from '../ui/copy';
import styles from './explore.module.css';

/** How often the store is asked for its first span, ms. */
const POLL_MS = 1000;

/** Ports of the receivers, unless they were configured otherwise. */
const PORTS = [
  [4317, 'OTLP over gRPC'],
  [4318, 'OTLP over HTTP, protobuf or JSON'],
  [9411, 'Zipkin, v1 and v2'],
] as const;

type SnippetKey = 'env' | 'collector' | 'curl' | 'import';

/** Ways to send the first span to `host`. */
function snippets(host: string): Record<SnippetKey, string> {
  return {
    env: `# any OpenTelemetry SDK
export OTEL_SERVICE_NAME=checkout
export OTEL_TRACES_EXPORTER=otlp
export OTEL_EXPORTER_OTLP_PROTOCOL=grpc
export OTEL_EXPORTER_OTLP_ENDPOINT=http://${host}:4317`,
    collector: `# OpenTelemetry Collector
exporters:
  otlp/clew:
    endpoint: ${host}:4317
    tls: { insecure: true }
service:
  pipelines:
    traces: { exporters: [otlp/clew] }`,
    curl: `# one span, by hand
now=$(date +%s)000000000
curl http://${host}:4318/v1/traces -H 'content-type: application/json' -d '{
  "resourceSpans": [{
    "resource": {"attributes": [
      {"key": "service.name", "value": {"stringValue": "checkout"}}]},
    "scopeSpans": [{"spans": [{
      "traceId": "'$(openssl rand -hex 16)'", "spanId": "'$(openssl rand -hex 8)'",
      "name": "hello", "kind": 2,
      "startTimeUnixNano": "'$now'", "endTimeUnixNano": "'$now'"}]}]}]}'`,
    import: `# OTLP, Jaeger or Zipkin files, plain, gzip or zstd
clew import traces.json

# or a small made-up shop, to look around
clew demo`,
  };
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
  return (
    <div className={styles.empty}>
      <div>
        <h2 className={styles.big}>Waiting for the first span</h2>
        <p className={styles.lead}>
          Point an exporter at one of these addresses. A span shows up here as soon as its request
          is acknowledged.
        </p>
        <div className={styles.ports}>
          {PORTS.flatMap(([port, what]) => [
            <span key={port} className="mono">
              {host}:{port}
            </span>,
            <span key={`${port} what`} className="t2">
              {what}
            </span>,
          ])}
        </div>
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
      <Snippets host={host} />
    </div>
  );
}

function Snippets({ host }: { host: string }) {
  const [shown, setShown] = useState<SnippetKey>('env');
  const text = snippets(host)[shown];
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
