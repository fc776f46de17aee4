// The stand-in itself: takes Zipkin and OTLP JSON, answers `/api/clew/v1`, serves the built pages as the server does.

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';

import { COVERAGE, skeletonArrow, skeletonOf, spanAnswer } from './answers';
import * as explore from './explore';
import { dependencies } from './figures';
import { QueryError } from './match';
import { findAnswer } from './find';
import { assemble, type MockSpan, type MockTrace } from './model';
import { fromOtlp, toOtlp } from './otlp';
import { metricsText, statusAnswer, type Taken } from './status';
import { MockSqlError, runSql, sqlArrow, sqlCsv, sqlJson } from './sql';
import { fromZipkin } from './zipkin';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The policy that the server sends; the browser tests run under it. */
export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'";

const ARROW = 'application/vnd.apache.arrow.stream';

/** See the module. */
export class MockServer {
  private readonly spans = new Map<string, MockSpan[]>();
  private readonly assembled = new Map<string, MockTrace>();
  private readonly unlisted = new Set<string>();
  private readonly taken = new Map<string, Taken>();
  private readonly streams = new WeakMap<MockTrace, Promise<Uint8Array>>();
  private server: Server | undefined;

  constructor(private readonly dist: string) {}

  /** Starts on a free port and returns the address. */
  async start(): Promise<string> {
    this.server = createServer((request, response) => {
      this.route(request, response).catch((cause: unknown) => {
        response.writeHead(500, { 'content-type': 'text/plain' }).end(String(cause));
      });
    });
    await new Promise<void>((done) => this.server?.listen(0, '127.0.0.1', done));
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return `http://127.0.0.1:${address.port}`;
  }

  /** Stops. */
  stop(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }

  /** Stores spans; the same span twice is stored once. */
  add(spans: readonly MockSpan[]): void {
    for (const span of spans) {
      const kept = this.spans.get(span.traceId) ?? [];
      this.spans.set(span.traceId, kept);
      if (
        !kept.some(
          (other) =>
            other.spanId === span.spanId &&
            other.kind === span.kind &&
            other.start === span.start &&
            other.name === span.name,
        )
      )
        kept.push(span);
      this.assembled.delete(span.traceId);
    }
  }

  /** Stores a trace that is known to be new and without duplicates; one that is not listed is found by id only. */
  addTrace(spans: readonly MockSpan[], isListed = true): void {
    const [first] = spans;
    if (!first) return;
    this.spans.set(first.traceId, [...spans]);
    if (!isListed) this.unlisted.add(first.traceId);
  }

  /** Traces that a search may find. */
  private listed(): string[] {
    return [...this.spans.keys()].filter((id) => !this.unlisted.has(id));
  }

  private trace(id: string): MockTrace | undefined {
    const traceId = id.toLowerCase().padStart(32, '0');
    const spans = this.spans.get(traceId);
    if (!spans) return undefined;
    const trace = this.assembled.get(traceId) ?? assemble(spans);
    this.assembled.set(traceId, trace);
    return trace;
  }

  private async route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://mock');
    // Under /prefix/ the same again, as behind a proxy that strips its prefix.
    const path = url.pathname.replace(/^\/prefix(?=\/)/, '');
    if (request.method === 'POST') return this.take(path, request, response);
    if (path.startsWith('/api/clew/v1/'))
      return this.answer(path.slice('/api/clew/v1/'.length), url.searchParams, request, response);
    if (path === '/api/dependencies') {
      const end = BigInt(url.searchParams.get('endTs') ?? 0) * 1_000_000n;
      const from = end - BigInt(url.searchParams.get('lookback') ?? 0) * 1_000_000n;
      const data = dependencies(this.allSpans(), from, end);
      return send(response, { data, total: data.length, limit: 0, offset: 0, errors: null });
    }
    if (path === '/metrics')
      response.writeHead(200, { 'content-type': 'text/plain' }).end(metricsText(this.taken));
    else await this.file(path, request, response);
  }

  /** Spans of the traces that a search may find. */
  private allSpans(): MockSpan[] {
    return this.listed().flatMap((id) => this.spans.get(id) ?? []);
  }

  private async take(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    if (path.endsWith('/api/v2/spans')) this.receive('zipkin_v2_json', fromZipkin(body));
    else if (path.endsWith('/v1/traces')) this.receive('otlp_http_json', fromOtlp(body));
    else if (path.startsWith('/api/archive/')) {
      const isStored = this.trace(path.slice('/api/archive/'.length)) !== undefined;
      if (!isStored) return fail(response, 404, 'not_found', 'trace not found');
      return send(response, { data: [], total: 0, limit: 0, offset: 0, errors: null });
    } else if (path === '/api/sql')
      return this.sql((body as { query: string }).query, request.headers.accept ?? '', response);
    else return fail(response, 404, 'not_found', 'no such receiver');
    response.writeHead(202, { 'content-type': 'application/json' }).end('{}');
  }

  private receive(protocol: string, spans: readonly MockSpan[]): void {
    const { requests, spans: before } = this.taken.get(protocol) ?? { requests: 0, spans: 0 };
    this.taken.set(protocol, { requests: requests + 1, spans: before + spans.length });
    this.add(spans);
  }

  private sql(query: string, accept: string, response: ServerResponse): void {
    // A statement that takes for ever, so that it can be cancelled.
    if (query.includes('sleep')) return;
    try {
      const result = runSql(query, this.allSpans());
      if (accept.includes('json')) return send(response, sqlJson(result));
      const isArrow = accept.includes(ARROW);
      response
        .writeHead(200, { 'content-type': accept })
        .end(isArrow ? sqlArrow(result) : sqlCsv(result));
    } catch (cause) {
      if (!(cause instanceof MockSqlError)) throw cause;
      fail(response, 400, 'invalid_argument', cause.message, null, cause.position);
    }
  }

  private async answer(
    path: string,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const [kind, id, part, row] = path.split('/');
    const asked = this.explore(kind ?? '', query, response);
    if (asked) return;
    if (kind === 'services')
      return send(response, { services: this.names((span) => span.service), coverage: COVERAGE });
    if (kind === 'operations') {
      const service = query.get('service');
      if (!service) return fail(response, 400, 'invalid_argument', 'parameter service is required');
      return send(response, { operations: this.operations(service), coverage: COVERAGE });
    }
    if (kind === 'status')
      return send(response, statusAnswer(this.countSpans(), Math.round(process.uptime())));
    if (kind !== 'traces' || !id) return fail(response, 404, 'not_found', 'no such question');
    const trace = this.trace(decodeURIComponent(id));
    if (!trace)
      return fail(
        response,
        404,
        'not_found',
        `trace ${id} is not stored`,
        'It may have been dropped by retention or sampling.',
      );
    if (part === 'spans') {
      const span = trace.rows[Number(row)];
      return span
        ? send(response, spanAnswer(span, Number(row)))
        : fail(response, 404, 'not_found', `row ${row} is not in the trace`);
    }
    if (part === 'find') return send(response, findAnswer(trace, query.get('q') ?? ''));
    if (part === 'otlp') return send(response, toOtlp(trace.rows));
    if (!request.headers.accept?.includes(ARROW)) return send(response, skeletonOf(trace));
    response.writeHead(200, { 'content-type': ARROW }).end(await this.stream(trace));
  }

  /** The Arrow stream of a trace, made once. */
  private stream(trace: MockTrace): Promise<Uint8Array> {
    const made = this.streams.get(trace) ?? skeletonArrow(skeletonOf(trace));
    this.streams.set(trace, made);
    return made;
  }

  private countSpans(): number {
    return [...this.spans.values()].reduce((sum, spans) => sum + spans.length, 0);
  }

  private names(read: (span: MockSpan) => string): { name: string }[] {
    const names = new Set(this.listed().flatMap((id) => (this.spans.get(id) ?? []).map(read)));
    return [...names].sort().map((name) => ({ name }));
  }

  private operations(service: string): { name: string; kind: string }[] {
    const found = new Map<string, { name: string; kind: string }>();
    for (const span of this.listed().flatMap((id) => this.spans.get(id) ?? [])) {
      if (span.service !== service) continue;
      const { name, kind } = spanAnswer(span, 0);
      found.set(`${name}\0${kind}`, { name, kind });
    }
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Answers what is asked about many traces; false when it is something else. */
  private explore(kind: string, query: URLSearchParams, response: ServerResponse): boolean {
    const traces = () => this.listed().map((id) => this.trace(id) as MockTrace);
    try {
      if (kind === 'search') send(response, explore.searchAnswer(traces(), query));
      else if (kind === 'heatmap') send(response, explore.heatmapAnswer(traces(), query));
      else if (kind === 'facets') send(response, explore.facetsAnswer(traces(), query));
      else if (kind === 'explain') send(response, explore.explainAnswer(traces(), query));
      else if (kind === 'keys') send(response, explore.keysAnswer(this.allSpans(), query));
      else if (kind === 'values') send(response, explore.valuesAnswer(this.allSpans(), query));
      else return false;
    } catch (cause) {
      if (!(cause instanceof QueryError)) throw cause;
      fail(response, 400, 'invalid_argument', cause.message, cause.hint, cause.at);
    }
    return true;
  }

  private async file(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const headers = { 'content-security-policy': CSP, 'x-content-type-options': 'nosniff' };
    const name = normalize(path).replace(/^\/+/, '');
    const type = TYPES[extname(name)];
    if (type && name !== 'index.html') {
      const body = await readFile(join(this.dist, name)).catch(() => undefined);
      if (body) response.writeHead(200, { ...headers, 'content-type': type }).end(body);
      else response.writeHead(404, headers).end('no such file');
      return;
    }
    if (!request.headers.accept?.includes('text/html')) {
      response.writeHead(404, headers).end('no such page');
      return;
    }
    const html = await readFile(join(this.dist, 'index.html'), 'utf8');
    const depth = path.split('/').length - 2;
    const page = html.replace('<base href="./"', `<base href="${'../'.repeat(depth) || './'}"`);
    response.writeHead(200, { ...headers, 'content-type': TYPES['.html'] as string }).end(page);
  }
}

function send(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function fail(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  hint: string | null = null,
  position: number | null = null,
): void {
  const error = { code, message, hint, position };
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
}
