import { describe, expect, test } from 'vitest';

import { parseTraceId } from '../src/lib/traceId';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('parseTraceId', () => {
  test.each([
    ['128 bits', ID, ID],
    ['upper case', ID.toUpperCase(), ID],
    ['64 bits', '14b60fd9ae504820', '14b60fd9ae504820'],
    ['short', 'abc', 'abc'],
    ['UUID', '4bf92f35-77b3-4da6-a3ce-929d0e0e4736', ID],
    ['base64', 'S/kvNXezTaajzpKdDg5HNg==', ID],
    ['base64 for addresses, without padding', 'S_kvNXezTaajzpKdDg5HNg', ID],
    ['link', `http://127.0.0.1:16686/trace/${ID}?uiFind=x`, ID],
    ['spaces around', `  ${ID}\n`, ID],
  ])('%s', (_, text, traceId) => expect(parseTraceId(text)).toEqual({ ok: true, traceId }));

  test('a traceparent leads to its span', () => {
    const spanId = '00f067aa0ba902b7';
    expect(parseTraceId(`traceparent: 00-${ID}-${spanId}-01`)).toEqual({
      ok: true,
      traceId: ID,
      spanId,
    });
    expect(parseTraceId(`00-${ID}-0000000000000000-01`)).toEqual({ ok: true, traceId: ID });
  });

  test.each([
    '',
    'hello world',
    '0',
    '0'.repeat(32),
    `${ID}0`,
    'zz92f3577b34da6a3ce929d0e0e4736',
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  ])('%j is refused', (text) => expect(parseTraceId(text).ok).toBe(false));
});
