// How a first span is sent to this server: through the doors that it has open, on the ports that it says.

import type { Status } from '../api/types';

/** Ports of the doors that are open. */
export interface Ports {
  grpc?: string;
  http?: string;
  zipkin?: string;
}

/** What stands for a port that the system chose: only the server's first lines say which. */
const CHOSEN = '<port>';

/** Open doors by what the status says; the usual ones while it says nothing. */
export function portsOf(said: Status['ports']): Ports {
  if (!said) return { grpc: '4317', http: '4318', zipkin: '9411' };
  const port = (value: number | null): string | undefined =>
    value === null ? undefined : value === 0 ? CHOSEN : String(value);
  const grpc = port(said.otlp_grpc);
  const http = port(said.otlp_http);
  const zipkin = port(said.zipkin);
  return { ...(grpc && { grpc }), ...(http && { http }), ...(zipkin && { zipkin }) };
}

/** Ways to send the first span to `host`. */
export function snippets(ports: Ports, host: string) {
  const isGrpc = ports.grpc !== undefined || ports.http === undefined;
  const otlp = `${host}:${ports.grpc ?? ports.http ?? 'off'}`;
  return {
    env: `# any OpenTelemetry SDK
export OTEL_SERVICE_NAME=checkout
export OTEL_TRACES_EXPORTER=otlp
export OTEL_EXPORTER_OTLP_PROTOCOL=${isGrpc ? 'grpc' : 'http/protobuf'}
export OTEL_EXPORTER_OTLP_ENDPOINT=http://${otlp}`,
    collector: `# OpenTelemetry Collector
exporters:
  ${isGrpc ? 'otlp' : 'otlphttp'}/clew:
    endpoint: ${isGrpc ? otlp : `http://${otlp}`}
    tls: { insecure: true }
service:
  pipelines:
    traces: { exporters: [${isGrpc ? 'otlp' : 'otlphttp'}/clew] }`,
    curl: `# one span, by hand
now=$(date +%s)000000000
curl http://${host}:${ports.http ?? 'off'}/v1/traces -H 'content-type: application/json' -d '{
  "resourceSpans": [{
    "resource": {"attributes": [
      {"key": "service.name", "value": {"stringValue": "checkout"}}]},
    "scopeSpans": [{"spans": [{
      "traceId": "'$(openssl rand -hex 16)'", "spanId": "'$(openssl rand -hex 8)'",
      "name": "hello", "kind": 2,
      "startTimeUnixNano": "'$now'", "endTimeUnixNano": "'$now'"}]}]}]}'`,
    import: `# OTLP, Jaeger or Zipkin files, plain, gzip or zstd
clew import${flags(ports, host)} traces.json

# or a small made-up shop, to look around
clew demo${flags({ ...(ports.http && { http: ports.http }) }, host)}`,
  };
}

/** Where the commands send to, if it is not where they do by themselves. */
function flags({ http, zipkin }: Ports, host: string): string {
  const isHere = host === '127.0.0.1' || host === 'localhost';
  const flag = (name: string, port: string | undefined, usual: string): string =>
    port === undefined || (isHere && port === usual) ? '' : ` --${name}-url http://${host}:${port}`;
  return flag('otlp', http, '4318') + flag('zipkin', zipkin, '9411');
}
