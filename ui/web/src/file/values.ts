// Values from outside, read with care: whatever has the wrong type counts as absent.

import type { Attribute } from '../api/types';
import { DEPTH_MAX } from './limits';

/** An object of JSON. */
export type Json = Record<string, unknown>;

/** A file that is not what it should be: what is wrong with it, for the reader. */
export class FileError extends Error {
  override name = 'FileError';
}

/** The value as an object; an empty one when it is none. */
export function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : {};
}

/** The value as a list of objects. */
export function objects(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(object) : [];
}

/** The value as text; numbers too. */
export function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
}

/** The value as a small number. */
export function small(value: unknown): number {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? Math.trunc(number) : 0;
}

/** A 64-bit integer, sent as a number or as decimal text; 0 when it is none. */
export function wide(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return BigInt(Math.round(value));
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? BigInt(value) : 0n;
}

/** An id as hex of `digits`, from hex or base64; undefined when it is neither, or all zeros. */
export function id(value: unknown, digits: 16 | 32): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const lower = value.toLowerCase();
  let hex: string | undefined;
  if (lower.length <= digits && /^[0-9a-f]+$/.test(lower)) hex = lower.padStart(digits, '0');
  // Zipkin cuts ids of 128 bits for span ids nowhere; older senders of 64-bit trace ids pad by themselves.
  else if (/^[A-Za-z0-9+/]+={0,2}$/.test(value)) hex = fromBase64(value, digits);
  return hex !== undefined && !/^0*$/.test(hex) ? hex : undefined;
}

function fromBase64(value: string, digits: number): string | undefined {
  try {
    let hex = '';
    for (const char of atob(value)) hex += char.charCodeAt(0).toString(16).padStart(2, '0');
    return hex.length === digits ? hex : undefined;
  } catch {
    return undefined;
  }
}

/** An attribute of a plain JSON value. */
export function plainAttribute(key: string, value: unknown): Attribute {
  switch (typeof value) {
    case 'string':
      return { key, type: 'string', value };
    case 'boolean':
      return { key, type: 'bool', value: String(value) };
    case 'number':
      return { key, type: Number.isInteger(value) ? 'int' : 'double', value: String(value) };
    case 'object':
      if (value === null) return { key, type: 'empty', value: '' };
      return { key, type: Array.isArray(value) ? 'array' : 'map', value: JSON.stringify(value) };
    default:
      return { key, type: 'empty', value: '' };
  }
}

/** A value of OTLP as plain JSON, for values inside of others. */
function plain(value: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new FileError('an attribute is nested too deeply');
  const [kind, content] = Object.entries(object(value))[0] ?? ['', ''];
  switch (kind) {
    case 'arrayValue':
      return objects(object(content)['values']).map((item) => plain(item, depth + 1));
    case 'kvlistValue':
      return Object.fromEntries(
        objects(object(content)['values']).map((item) => [
          text(item['key']),
          plain(item['value'], depth + 1),
        ]),
      );
    case 'intValue':
      return Number.isSafeInteger(Number(content)) ? Number(content) : text(content);
    default:
      return content;
  }
}

/** An attribute of OTLP: a key and a value that names its type. */
export function otlpAttribute(entry: Json): Attribute {
  const key = text(entry['key']);
  const [kind, content] = Object.entries(object(entry['value']))[0] ?? ['', ''];
  switch (kind) {
    case 'stringValue':
      return { key, type: 'string', value: text(content) };
    case 'boolValue':
      return { key, type: 'bool', value: String(content === true || content === 'true') };
    case 'intValue':
      return { key, type: 'int', value: wide(content).toString() };
    case 'doubleValue':
      return { key, type: 'double', value: text(content) };
    case 'bytesValue':
      return { key, type: 'bytes', value: text(content) };
    case 'arrayValue':
      return { key, type: 'array', value: JSON.stringify(plain(entry['value'], 0)) };
    case 'kvlistValue':
      return { key, type: 'map', value: JSON.stringify(plain(entry['value'], 0)) };
    default:
      return { key, type: 'empty', value: '' };
  }
}
