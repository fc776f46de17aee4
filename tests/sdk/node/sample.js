// Asks for its strategy of sampling, then begins CLEW_ROOTS root spans of each operation that is named on the command line and sends what was sampled. Ends when
// the strategy is there, that is when a span of the operation `always` is sampled.

import { ROOT_CONTEXT } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { JaegerRemoteSampler } from '@opentelemetry/sampler-jaeger-remote';
import { AlwaysOffSampler, BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

const serviceName = 'sdk-node';
const sampler = new JaegerRemoteSampler({
  endpoint: process.env.CLEW_SAMPLING,
  serviceName,
  initialSampler: new AlwaysOffSampler(),
  poolingInterval: 100,
});
const exporter = new OTLPTraceExporter({ url: process.env.CLEW_OTLP_HTTP + '/v1/traces' });
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ 'service.name': serviceName }),
  sampler,
  spanProcessors: [new BatchSpanProcessor(exporter)],
});
const tracer = provider.getTracer('sampled');

function begin(operation) {
  const span = tracer.startSpan(operation, {}, ROOT_CONTEXT);
  const isSampled = span.isRecording();
  span.end();
  return isSampled;
}

const deadline = Date.now() + 60_000;
while (!begin('always')) {
  if (Date.now() > deadline) {
    throw new Error('no strategy came');
  }
  await new Promise(done => setTimeout(done, 20));
}
for (const operation of process.argv.slice(2)) {
  for (let count = 0; count < Number(process.env.CLEW_ROOTS); count++) {
    begin(operation);
  }
}
await provider.forceFlush();
await provider.shutdown();
process.exit(0);
