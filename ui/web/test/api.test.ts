import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { ask, askJson, token } from '../src/api/client';
import { ApiError, isRetryable } from '../src/api/errors';
import { number, record, text, type Shape } from '../src/api/shape';
import {
  errorBody,
  explainAnswer,
  facetsAnswer,
  heatmapAnswer,
  keysAnswer,
  findAnswer,
  operationsAnswer,
  searchAnswer,
  servicesAnswer,
  spanDetail,
  status,
  valuesAnswer,
} from '../src/api/types';
import { skeletonFromJson } from '../src/trace/loadSkeleton';

const GOLDEN = join(import.meta.dirname, '../../../testdata/api');

/** The shape of each recorded answer, by the first word of its file's name. */
const SHAPES: Record<string, Shape<unknown>> = {
  search: searchAnswer,
  heatmap: heatmapAnswer,
  facets: facetsAnswer,
  explain: explainAnswer,
  keys: keysAnswer,
  values: valuesAnswer,
  services: servicesAnswer,
  operations: operationsAnswer,
  trace: (value) => {
    const skeleton = skeletonFromJson(value);
    skeleton.finish();
    return skeleton;
  },
  span: spanDetail,
  find: findAnswer,
  status,
  error: errorBody,
};

describe('recorded answers of the server', () => {
  const files = readdirSync(GOLDEN).filter((name) => name.endsWith('.json'));
  const kindOf = (name: string): string => name.replace(/[-_.].*$/, '');

  test.each(Object.keys(SHAPES))('there is one of %s', (kind) => {
    expect(files.filter((name) => kindOf(name) === kind)).not.toEqual([]);
  });

  test.each(files)('%s can be read', (name) => {
    const shape = SHAPES[kindOf(name)];
    expect(shape, `no shape for ${name}`).toBeDefined();
    shape?.(JSON.parse(readFileSync(join(GOLDEN, name), 'utf8')), '');
  });

  test('64-bit numbers come through', () => {
    const read = (name: string): unknown => JSON.parse(readFileSync(join(GOLDEN, name), 'utf8'));
    const [trace] = searchAnswer(read('search.json'), '').traces;
    expect(typeof trace?.start_time_unix_nano).toBe('bigint');
    const span = spanDetail(read('span.json'), '');
    expect(span.end_time_unix_nano - span.start_time_unix_nano).toBe(span.duration_ns);
  });
});

describe('shapes', () => {
  const shape = record({ a: record({ b: number }) });

  test('say where an answer is wrong', () => {
    expect(() => shape({ a: { b: '1' } }, '')).toThrow('a.b: expected a number, got string');
    expect(() => shape({ a: null }, '')).toThrow('a: expected an object, got null');
    expect(() => shape([], '')).toThrow('answer: expected an object, got an array');
  });

  test('leave out what they do not know', () => {
    expect(shape({ a: { b: 1, c: 2 }, d: 3 }, '')).toEqual({ a: { b: 1 } });
  });
});

describe('client', () => {
  const answers = vi.fn<typeof fetch>();
  const answer = (body: string, init?: ResponseInit) =>
    answers.mockResolvedValueOnce(new Response(body, init));
  const failure = async (promise: Promise<unknown>): Promise<ApiError> => {
    const error: unknown = await promise.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(ApiError);
    return error as ApiError;
  };

  beforeEach(() => {
    const kept = new Map<string, string>();
    vi.stubGlobal('fetch', answers);
    vi.stubGlobal('document', { baseURI: 'http://host/prefix/trace/../' });
    vi.stubGlobal('sessionStorage', {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
    });
  });
  afterEach(() => {
    answers.mockReset();
    vi.unstubAllGlobals();
  });

  test('asks under the prefix of the page, without empty parameters', async () => {
    answer('{}');
    await ask('search', { params: { service: 'a&b', tags: '', cursor: undefined } });
    expect(String(answers.mock.calls[0]?.[0])).toBe(
      'http://host/prefix/api/clew/v1/search?service=a%26b',
    );
  });

  test('sends the token, once there is one', async () => {
    answer('{}');
    answer('{}');
    await ask('status');
    token.set('secret');
    await ask('status');
    const sent = answers.mock.calls.map(
      ([, init]) => (init?.headers as Record<string, string> | undefined)?.['authorization'],
    );
    expect(sent).toEqual([undefined, 'Bearer secret']);
  });

  test('an error of the server keeps its words', async () => {
    const body = {
      error: { code: 'invalid_argument', message: 'no such key', hint: 'try another', position: 4 },
    };
    answer(JSON.stringify(body), { status: 400 });
    expect(await failure(ask('search'))).toMatchObject({
      kind: 'refused',
      status: 400,
      code: 'invalid_argument',
      message: 'no such key',
      hint: 'try another',
      position: 4,
    });
  });

  test('an error of something between says its status', async () => {
    answer('<html>Bad gateway</html>', { status: 502, statusText: 'Bad Gateway' });
    expect(await failure(ask('search'))).toMatchObject({
      kind: 'refused',
      message: 'The server answered 502',
      hint: 'Bad Gateway',
    });
    answer('', { status: 401 });
    expect(await failure(ask('search'))).toMatchObject({ kind: 'unauthorized' });
  });

  test('no answer is its own kind, and worth another try', async () => {
    answers.mockRejectedValueOnce(new TypeError('failed to fetch'));
    const error = await failure(ask('search'));
    expect(error.kind).toBe('unreachable');
    expect(isRetryable(error)).toBe(true);
    expect(isRetryable(new ApiError('refused', '', 400))).toBe(false);
  });

  test('an answer of another shape, or cut off, cannot be read', async () => {
    answer('{"name": 1}');
    expect(await failure(askJson('x', record({ name: text })))).toMatchObject({
      kind: 'unreadable',
      hint: expect.stringContaining('name: expected a string'),
    });
    answer('{"name": "cut');
    expect((await failure(askJson('x', record({ name: text })))).kind).toBe('unreadable');
  });

  test('a cancelled question is no error of the server', async () => {
    const controller = new AbortController();
    controller.abort('enough');
    answers.mockRejectedValueOnce(new DOMException('aborted', 'AbortError'));
    await expect(ask('search', { signal: controller.signal })).rejects.toBe('enough');
  });
});
