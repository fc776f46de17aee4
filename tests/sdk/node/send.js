// Sends the known trace through the Node SDK, once per exporter; see ../README.md.

import { context, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

const SECONDS = 1_790_000_000;
const at = nanos => [SECONDS + Math.floor(nanos / 1e9), nanos % 1e9];
const START = 123_456_789;

async function send(exporter) {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'sdk-node', team: 'tracing', shard: 7 }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('known', '1.2.3', { schemaUrl: 'https://opentelemetry.io/schemas/1.30.0' });
  const remote = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  };
  const root = tracer.startSpan('checkout ☕', {
    kind: SpanKind.SERVER,
    startTime: at(START),
    links: [{ context: remote, attributes: { why: 'retry' } }],
    attributes: {
      text: 'naïve café 😀',
      yes: true,
      no: false,
      big: Number.MAX_SAFE_INTEGER,
      double: 0.1,
      texts: ['a', 'ü'],
      ints: [1, 2],
      doubles: [0.5, 1.5],
      bools: [true, false],
    },
  });
  root.addEvent('cache miss', { key: 'k1', hit: false }, at(START + 1_000_000));
  root.recordException(new TypeError('bad ☠ value'), at(START + 2_000_000));
  root.setStatus({ code: SpanStatusCode.ERROR, message: 'boom' });
  const child = tracer.startSpan(
    'query items',
    { kind: SpanKind.CLIENT, startTime: at(START + 3_000_001), attributes: { 'db.query.text': 'SELECT *\nFROM items' } },
    trace.setSpan(context.active(), root),
  );
  child.setStatus({ code: SpanStatusCode.OK });
  child.end(at(START + 5_000_003));
  root.end(at(START + 1_500_000_000));
  await provider.forceFlush();
  await provider.shutdown();
  return root.spanContext().traceId;
}

const url = process.env.CLEW_OTLP_HTTP + '/v1/traces';
const exporters = {
  'otlp-grpc': () => new GrpcExporter({ url: process.env.CLEW_OTLP_GRPC }),
  'otlp-http': () => new ProtoExporter({ url }),
  'otlp-http-gzip': () => new ProtoExporter({ url, compression: 'gzip' }),
  'otlp-http-json': () => new JsonExporter({ url }),
  zipkin: () => new ZipkinExporter({ url: process.env.CLEW_ZIPKIN + '/api/v2/spans' }),
};
for (const [protocol, exporter] of Object.entries(exporters)) {
  console.log(JSON.stringify({ protocol, trace_id: await send(exporter()) }));
}
