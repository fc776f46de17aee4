import { describe, expect, test } from 'vitest';

import { portsOf, snippets } from '../src/explore/firstSpan';

const said = { otlp_grpc: 14317, otlp_http: 14318, zipkin: 19411, http: 16686 };

describe('how the first span is sent', () => {
  test('the ports are those that the server says; the usual ones until it says any', () => {
    expect(portsOf(undefined)).toEqual({ grpc: '4317', http: '4318', zipkin: '9411' });
    expect(portsOf(said)).toEqual({ grpc: '14317', http: '14318', zipkin: '19411' });
  });

  test('a door that is shut is not named, and a port that the system chose is left to be filled in', () => {
    const ports = portsOf({ ...said, otlp_grpc: null, otlp_http: 0 });
    expect(ports).toEqual({ http: '<port>', zipkin: '19411' });
    const { env, collector } = snippets(ports, 'clew.example');
    expect(env).toContain('PROTOCOL=http/protobuf');
    expect(env).toContain('ENDPOINT=http://clew.example:<port>');
    expect(collector).toContain('otlphttp/clew:');
  });

  test('commands say where to only if it is not where they send by themselves', () => {
    expect(snippets(portsOf(undefined), '127.0.0.1').import).toContain('clew import traces.json');
    const { import: elsewhere, curl } = snippets(portsOf(said), 'clew.example');
    expect(elsewhere).toContain(
      'clew import --otlp-url http://clew.example:14318 --zipkin-url http://clew.example:19411 traces.json',
    );
    expect(elsewhere).toContain('clew demo --otlp-url http://clew.example:14318');
    expect(elsewhere).not.toContain('clew demo --otlp-url http://clew.example:14318 --zipkin');
    expect(curl).toContain('http://clew.example:14318/v1/traces');
  });
});
