// Trace ids as people paste them: hex, UUID, base64, a traceparent header, or a link to a trace.

/** Where a pasted text leads, or why nowhere. */
export type ParsedTraceId =
  | { ok: true; traceId: string; spanId?: string }
  | { ok: false; message: string };

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const BASE64 = /^(?:[A-Za-z0-9+/_-]{22}(?:==)?|[A-Za-z0-9+/_-]{11}=?)$/;

/** Reads a pasted id; hex comes back in lower case and as long as it was pasted (the server pads short ids). */
export function parseTraceId(text: string): ParsedTraceId {
  const trimmed = text.trim().replace(/^traceparent:\s*/i, '');
  const link = /\/trace(?:s)?\/([^/?#\s]+)/.exec(trimmed);
  if (link) return parseTraceId(decoded(link[1] as string));
  const lower = trimmed.toLowerCase();
  const parent = TRACEPARENT.exec(lower);
  if (parent) return checked(parent[1] as string, parent[2]);
  if (UUID.test(lower)) return checked(lower.replaceAll('-', ''));
  if (/^[0-9a-f]{1,32}$/.test(lower)) return checked(lower);
  if (BASE64.test(trimmed)) return checked(base64ToHex(trimmed));
  return { ok: false, message: 'Expected a trace id: hex, UUID, base64 or a traceparent' };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Said as what it is: no id.
    return '?';
  }
}

function checked(traceId: string, spanId?: string): ParsedTraceId {
  if (/^0*$/.test(traceId)) return { ok: false, message: 'An id of zeros names no trace' };
  return spanId === undefined || /^0*$/.test(spanId)
    ? { ok: true, traceId }
    : { ok: true, traceId, spanId };
}

function base64ToHex(text: string): string {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/').replaceAll('=', '');
  let hex = '';
  for (const char of atob(standard)) hex += char.charCodeAt(0).toString(16).padStart(2, '0');
  return hex;
}
