// The traces that the walk looks at, all of the last minutes, and what can be said of them from the files alone.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const WEB = new URL('../../ui/web/package.json', import.meta.url);
const { decompress } = createRequire(WEB)('fzstd');
const SECOND_NS = 1_000_000_000n;

/** Path of a file below `testdata/`. */
export const testdata = (name) => fileURLToPath(new URL(`../../testdata/${name}`, import.meta.url));

const compressed = (name) => JSON.parse(Buffer.from(decompress(readFileSync(testdata(name)))));
const id = (number, digits) => number.toString(16).padStart(digits, '0');
const text = (key, stringValue) => ({ key, value: { stringValue } });
const int = (key, value) => ({ key, value: { intValue: String(value) } });

/** The spans of an OTLP request, each with the name of its service. */
export const spansOf = (otlp) =>
  otlp.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = resource.attributes.find(({ key }) => key === 'service.name').value.stringValue;
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service })));
  });

/** The sorted names of the services of `spans`. */
export const servicesOf = (spans) => [...new Set(spans.map(({ service }) => service))].sort();

/** A trace of SmartThings as Zipkin's clients sent it: 1,041 spans, ids of 64 bits, both halves of a call under one id. */
function smartThings(start) {
  const spans = compressed('zipkin/lens-smartthings-mobile-web-install.json.zst');
  const first = Math.min(...spans.flatMap(({ timestamp }) => timestamp ?? []));
  const shift = Number(start / 1000n) - first;
  for (const span of spans) {
    if (span.timestamp) span.timestamp += shift;
    for (const annotation of span.annotations ?? []) annotation.timestamp += shift;
  }
  const services = [...new Set(spans.map(({ localEndpoint }) => localEndpoint.serviceName))].sort();
  const root = spans.find(({ parentId }) => !parentId);
  return { id: spans[0].traceId, spans, services, root };
}

/** A trace of Train-Ticket in OTLP: 200 spans, 2 of them errors. */
function trainTicket(start) {
  const otlp = compressed('ui/trainticket-200.otlp.json.zst');
  const all = otlp.resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans),
  );
  const times = all.map(({ startTimeUnixNano }) => BigInt(startTimeUnixNano));
  const shift = start - times.reduce((a, b) => (a < b ? a : b));
  const moved = (time) => String(BigInt(time) + shift);
  for (const span of all) {
    span.startTimeUnixNano = moved(span.startTimeUnixNano);
    span.endTimeUnixNano = moved(span.endTimeUnixNano);
    for (const event of span.events ?? []) event.timeUnixNano = moved(event.timeUnixNano);
  }
  return { id: all[0].traceId, otlp };
}

/** The same trace under another id, without the spans of its least service that have no children. */
function changed(trace) {
  const otlp = structuredClone(trace.otlp);
  const spans = spansOf(otlp);
  const parents = new Set(spans.map(({ parentSpanId }) => parentSpanId));
  const leaf = spans.find(({ spanId }) => !parents.has(spanId));
  const otherId = id(0xc0ffee, 32);
  for (const { scopeSpans } of otlp.resourceSpans)
    for (const scope of scopeSpans) {
      scope.spans = scope.spans.filter(({ spanId }) => spanId !== leaf.spanId);
      for (const span of scope.spans) span.traceId = otherId;
    }
  return { id: otherId, otlp, without: leaf };
}

/** Traces of `pager` that calls `pager / größe`, one a second; the n-th takes n ms, and each third one fails. */
export const PAGER_COUNT = 33;
export const PAGER = 'pager';
export const STORE = 'pager / größe';
const PAGER_ID = 0xabcd_0000;

/** Id of the n-th trace of `pager`. */
export const pagerId = (n) => id(PAGER_ID + n, 32);

function pager(start) {
  const spans = (n) => {
    const began = start + BigInt(n) * SECOND_NS;
    const took = BigInt(n) * 1_000_000n;
    const common = {
      traceId: pagerId(n),
      startTimeUnixNano: String(began),
      endTimeUnixNano: String(began + took),
    };
    const server = {
      ...common,
      spanId: id(2 * n, 16),
      name: `GET /page/${n % 2 ? 'odd' : 'even'}`,
      kind: 2,
      attributes: [int('page.number', n), text('page.title', `page "${n}" = ${n}`)],
      status: n % 3 ? {} : { code: 2, message: 'no such page' },
      events: [{ timeUnixNano: String(began), name: 'asked', attributes: [int('page.number', n)] }],
    };
    const client = {
      ...common,
      spanId: id(2 * n + 1, 16),
      parentSpanId: server.spanId,
      name: 'read',
      kind: 3,
    };
    return [server, client];
  };
  const all = Array.from({ length: PAGER_COUNT }, (_, index) => spans(index + 1));
  const resource = (service, spans) => ({
    resource: { attributes: [text('service.name', service), text('host.name', 'a-host')] },
    scopeSpans: [{ scope: { name: 'walk' }, spans }],
  });
  return {
    resourceSpans: [
      resource(
        PAGER,
        all.map(([server]) => server),
      ),
      resource(
        STORE,
        all.map(([, client]) => client),
      ),
    ],
  };
}

/** All traces, as of `now` (ms). */
export function traces(now) {
  const ago = (seconds) => (BigInt(now) - BigInt(seconds) * 1000n) * 1_000_000n;
  const train = trainTicket(ago(600));
  return {
    smartThings: smartThings(ago(900)),
    train,
    changed: changed(train),
    pager: pager(ago(300)),
  };
}

/** Sends them. */
export async function send({ smartThings, train, changed, pager }, otlpUrl, zipkinUrl) {
  const post = async (url, body) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  };
  await post(`${zipkinUrl}/api/v2/spans`, smartThings.spans);
  for (const otlp of [train.otlp, changed.otlp, pager]) await post(`${otlpUrl}/v1/traces`, otlp);
}
