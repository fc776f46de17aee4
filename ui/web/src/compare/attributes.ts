// Attributes of two spans that play the same part: which differ. Status and resource count as attributes here.

import type { SpanDetail } from '../api/types';

/** One that differs; undefined where it is missing. */
export interface Differing {
  key: string;
  a: string | undefined;
  b: string | undefined;
}

function valuesOf(span: SpanDetail): Map<string, string> {
  const values = new Map<string, string>();
  if (span.status.code !== 'unset' || span.status.message)
    values.set('status', [span.status.code, span.status.message].filter(Boolean).join(': '));
  for (const { key, value } of span.attributes) values.set(key, value);
  for (const { key, value } of span.resource.attributes)
    values.set(values.has(key) ? `resource ${key}` : key, value);
  return values;
}

/** The ones that differ, by key, and how many do not. */
export function differingAttributes(
  a: SpanDetail,
  b: SpanDetail,
): { differing: Differing[]; same: number } {
  const ofA = valuesOf(a);
  const ofB = valuesOf(b);
  const keys = [...new Set([...ofA.keys(), ...ofB.keys()])].sort();
  const all = keys.map((key) => ({ key, a: ofA.get(key), b: ofB.get(key) }));
  const differing = all.filter(({ a: left, b: right }) => left !== right);
  return { differing, same: all.length - differing.length };
}
