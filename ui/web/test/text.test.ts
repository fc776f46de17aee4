import { describe, expect, test } from 'vitest';

import { narrow } from '../src/ui/Combobox';
import { serviceSlot, sharedParts, splitName } from '../src/lib/service';
import { block, cut, formatBytes, oneLine, plural } from '../src/lib/text';

describe('text from outside', () => {
  test('hidden characters become visible', () => {
    expect(oneLine('a\u202eb\u0000c\u200bd')).toBe('a\\u{202e}b\\u{0}c\\u{200b}d');
    expect(oneLine('two\nlines\tand tab')).toBe('two⏎lines⇥and tab');
    expect(block('two\nlines\tand\u0007')).toBe('two\nlines\tand\\u{7}');
    expect(oneLine('naïve 日本語 😀 العربية')).toBe('naïve 日本語 😀 العربية');
  });

  test('long text is cut between characters', () => {
    expect(oneLine('abcdef', 3)).toBe('abc…');
    expect(cut('ab😀cd', 3)).toBe('ab');
    expect(cut('ab😀cd', 4)).toBe('ab😀');
  });

  test('counts and sizes', () => {
    expect([plural(0, 'span'), plural(1, 'span'), plural(1041, 'span')]).toEqual([
      '0 spans',
      '1 span',
      '1,041 spans',
    ]);
    expect([999, 1000, 9_949, 9_950, 999_499, 999_500, 1_234_567].map(formatBytes)).toEqual([
      '999 B',
      '1.0 kB',
      '9.9 kB',
      '10 kB',
      '999 kB',
      '1.0 MB',
      '1.2 MB',
    ]);
  });
});

describe('services', () => {
  test('a name has one colour, and names spread over all of them', () => {
    expect(serviceSlot('cart')).toBe(serviceSlot('cart'));
    const slots = new Set(Array.from({ length: 300 }, (_, i) => serviceSlot(`service-${i}`)));
    expect(slots.size).toBe(24);
    expect(Math.min(...slots)).toBe(1);
    expect(Math.max(...slots)).toBe(24);
  });

  test('what most names share is found and split off', () => {
    const shared = sharedParts(['ts-order-service', 'ts-seat-service', 'ts-food-service', 'redis']);
    expect(shared).toEqual({ prefix: 'ts-', suffix: '-service' });
    expect(splitName('ts-order-service', shared)).toEqual(['ts-', 'order', '-service']);
    expect(splitName('redis', shared)).toEqual(['', 'redis', '']);
    expect(splitName('ts-service', shared)).toEqual(['', 'ts-service', '']);
    expect(sharedParts(['a-x', 'b-x', 'c-x'])).toEqual({ prefix: '', suffix: '' });
    expect(sharedParts(['cart', 'auth', 'user', 'mail'])).toEqual({ prefix: '', suffix: '' });
  });
});

test('options that start with the text come first', () => {
  const options = ['order', 'reorder', 'Orders', 'cart'].map((value) => ({ value }));
  expect(narrow(options, ' ord ').map(({ value }) => value)).toEqual([
    'order',
    'Orders',
    'reorder',
  ]);
  expect(narrow(options, '')).toHaveLength(4);
});
