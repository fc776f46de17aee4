// What is in a file, told from its content: gzip is unpacked, JSON is read as a whole or line by line, the rest is taken
// for OTLP protobuf.

import { fromJaeger, isJaeger } from './jaeger';
import { BYTES_MAX, SPANS_MAX } from './limits';
import { fromOtlp } from './otlpIn';
import { readProtobuf } from './protobuf';
import type { FileSpan } from './spans';
import { FileError, object, type Json } from './values';
import { fromZipkin, isZipkin } from './zipkin';

/** Forms that are read. */
export type Form = 'OTLP JSON' | 'OTLP protobuf' | 'Jaeger JSON' | 'Zipkin JSON';

/** What a file held. */
export interface Content {
  form: Form;
  spans: FileSpan[];
  /** Spans without a valid id, which are left out. */
  skipped: number;
}

/** Unpacks gzip; other bytes come back as they are. Throws {@link FileError} when there is too much. */
export async function unpack(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd)
    throw new FileError(
      'the file is packed with zstd, which browsers do not know: unpack it first',
    );
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- a stream comes piece by piece
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > BYTES_MAX) throw new FileError('the file is too large when it is unpacked');
      chunks.push(value);
    }
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    throw new FileError('the file is damaged: it cannot be unpacked');
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Reads an unpacked file. Throws {@link FileError} when nothing is found in it. */
export function read(bytes: Uint8Array): Content {
  if (bytes.length === 0) throw new FileError('the file is empty');
  const first = bytes.find((byte) => byte > 0x20);
  const isText = first === 0x7b || first === 0x5b || (bytes[0] === 0xef && bytes[1] === 0xbb);
  const content = isText ? readJson(new TextDecoder().decode(bytes)) : readBinary(bytes);
  if (content.spans.length > SPANS_MAX)
    throw new FileError(`the file has more than ${SPANS_MAX.toLocaleString('en-US')} spans`);
  if (content.spans.length === 0)
    throw new FileError(
      content.skipped > 0 ? 'no span in the file has valid ids' : 'the file has no spans',
    );
  return content;
}

function readBinary(bytes: Uint8Array): Content {
  return Object.assign(fromOtlp(readProtobuf(bytes)), { form: 'OTLP protobuf' as const });
}

function readJson(text: string): Content {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    if (lines.length < 2) throw notJson(cause);
    return lines.map(readLine).reduce(merge);
  }
  return readDocument(body);
}

function readLine(line: string, at: number): Content {
  try {
    return readDocument(JSON.parse(line));
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    throw new FileError(`line ${at + 1} is no JSON`);
  }
}

function notJson(cause: unknown): FileError {
  return new FileError(
    `the file is no JSON: ${cause instanceof Error ? cause.message : ''}`.trim(),
  );
}

function merge(a: Content, b: Content): Content {
  for (const span of b.spans) a.spans.push(span);
  a.skipped += b.skipped;
  if (a.spans.length > SPANS_MAX) throw new FileError('the file has too many spans');
  return a;
}

function readDocument(body: unknown): Content {
  if (Array.isArray(body)) {
    if (isZipkin(body)) return Object.assign(fromZipkin(body), { form: 'Zipkin JSON' as const });
    return body
      .map((one) => readDocument(object(one)))
      .reduce(merge, {
        form: 'OTLP JSON',
        spans: [],
        skipped: 0,
      });
  }
  const json: Json = object(body);
  if ('resourceSpans' in json || 'batches' in json)
    return Object.assign(fromOtlp(json), { form: 'OTLP JSON' as const });
  if (isJaeger(json)) return Object.assign(fromJaeger(json), { form: 'Jaeger JSON' as const });
  throw new FileError('the file is neither OTLP, Jaeger nor Zipkin');
}
