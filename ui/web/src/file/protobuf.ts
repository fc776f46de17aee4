// OTLP protobuf as the JSON of the same request, so that one reader serves both. Only the fields that a trace needs.
//
//   field       tag = number << 3 | wire type        0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes

import { DEPTH_MAX } from './limits';
import { FileError, type Json } from './values';

/** How a field is read: its name, and as what. */
type Field = [
  name: string,
  as: 'text' | 'hex' | 'base64' | 'int' | 'fixed' | 'double' | 'bool' | Shape,
  many?: 'many',
];
type Shape = () => Record<number, Field>;

const anyValue: Shape = () => ({
  1: ['stringValue', 'text'],
  2: ['boolValue', 'bool'],
  3: ['intValue', 'int'],
  4: ['doubleValue', 'double'],
  5: ['arrayValue', () => ({ 1: ['values', anyValue, 'many'] })],
  6: ['kvlistValue', () => ({ 1: ['values', keyValue, 'many'] })],
  7: ['bytesValue', 'base64'],
});
const keyValue: Shape = () => ({ 1: ['key', 'text'], 2: ['value', anyValue] });
const event: Shape = () => ({
  1: ['timeUnixNano', 'fixed'],
  2: ['name', 'text'],
  3: ['attributes', keyValue, 'many'],
});
const link: Shape = () => ({
  1: ['traceId', 'hex'],
  2: ['spanId', 'hex'],
  4: ['attributes', keyValue, 'many'],
});
const status: Shape = () => ({ 2: ['message', 'text'], 3: ['code', 'int'] });
const span: Shape = () => ({
  1: ['traceId', 'hex'],
  2: ['spanId', 'hex'],
  4: ['parentSpanId', 'hex'],
  5: ['name', 'text'],
  6: ['kind', 'int'],
  7: ['startTimeUnixNano', 'fixed'],
  8: ['endTimeUnixNano', 'fixed'],
  9: ['attributes', keyValue, 'many'],
  11: ['events', event, 'many'],
  13: ['links', link, 'many'],
  15: ['status', status],
});
const scope: Shape = () => ({ 1: ['name', 'text'], 2: ['version', 'text'] });
const scopeSpans: Shape = () => ({ 1: ['scope', scope], 2: ['spans', span, 'many'] });
const resource: Shape = () => ({ 1: ['attributes', keyValue, 'many'] });
const resourceSpans: Shape = () => ({
  1: ['resource', resource],
  2: ['scopeSpans', scopeSpans, 'many'],
});
const request: Shape = () => ({ 1: ['resourceSpans', resourceSpans, 'many'] });

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The end of a message was reached in the middle of something. */
const TORN = 'the file ends in the middle of a span';

class Reader {
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
    private readonly end: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  varint(): bigint {
    let number = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.end) throw new FileError(TORN);
      const byte = this.bytes[this.at++] as number;
      number |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, number);
    }
    throw new FileError('this is no protobuf: a number is too long');
  }

  take(length: number): number {
    const from = this.at;
    if (length < 0 || from + length > this.end) throw new FileError(TORN);
    this.at += length;
    return from;
  }

  fixed64(): bigint {
    return this.view.getBigUint64(this.take(8), true);
  }

  double(): number {
    return this.view.getFloat64(this.take(8), true);
  }

  sub(): Reader {
    const length = Number(this.varint());
    const from = this.take(length);
    return new Reader(this.bytes, from, from + length);
  }

  rest(): Uint8Array {
    return this.bytes.subarray(this.at, this.end);
  }

  skip(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.take(8);
    else if (wire === 2) this.take(Number(this.varint()));
    else if (wire === 5) this.take(4);
    else throw new FileError('this is no OTLP protobuf');
  }
}

function hexOf(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

function base64Of(bytes: Uint8Array): string {
  let chars = '';
  for (const byte of bytes) chars += String.fromCharCode(byte);
  return btoa(chars);
}

/** Wire types of the kinds of field. */
const WIRES: Record<string, number> = { int: 0, bool: 0, fixed: 1, double: 1 };

function value(reader: Reader, as: Field[1], depth: number): unknown {
  if (typeof as === 'function') return message(reader.sub(), as, depth + 1);
  switch (as) {
    case 'text':
      return utf8.decode(reader.sub().rest());
    case 'hex':
      return hexOf(reader.sub().rest());
    case 'base64':
      return base64Of(reader.sub().rest());
    case 'int':
      return BigInt.asIntN(64, reader.varint()).toString();
    case 'fixed':
      return reader.fixed64().toString();
    case 'double':
      return reader.double();
    default:
      return reader.varint() !== 0n;
  }
}

function message(reader: Reader, shape: Shape, depth: number): Json {
  if (depth > DEPTH_MAX) throw new FileError('a value is nested too deeply');
  const fields = shape();
  const result: Json = {};
  while (!reader.done) {
    const tag = Number(reader.varint());
    const wire = tag & 7;
    const field = fields[tag >>> 3];
    if (!field || wire !== (typeof field[1] === 'string' ? (WIRES[field[1]] ?? 2) : 2)) {
      reader.skip(wire);
      continue;
    }
    const [name, as, many] = field;
    const read = value(reader, as, depth);
    if (!many) result[name] = read;
    else if (Array.isArray(result[name])) (result[name] as unknown[]).push(read);
    else result[name] = [read];
  }
  return result;
}

/** Reads one `ExportTraceServiceRequest`. Throws {@link FileError} when it is none. */
export function readProtobuf(bytes: Uint8Array): Json {
  try {
    return message(new Reader(bytes, 0, bytes.length), request, 0);
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    throw new FileError('this is no OTLP protobuf: a text is not UTF-8');
  }
}
