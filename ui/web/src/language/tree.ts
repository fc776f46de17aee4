// A query of docs/query-language.md as a tree. Places are offsets in UTF-16 units, as the page's fields count them.

/** Where an attribute stands; `any` is wherever. */
export type Level = 'any' | 'span' | 'resource' | 'scope' | 'event' | 'link';

/** A comparison. */
export type Op = '=' | '!=' | '~' | '!~' | '<' | '<=' | '>' | '>=';

/** What a term looks at. */
export type Subject =
  | { is: 'field'; name: FieldName }
  | { is: 'attribute'; level: Level; key: string }
  | { is: 'names' };

/** A value as it was written. */
export interface Value {
  at: number;
  text: string;
  /** It stood in quotes: a star is a star. */
  quoted: boolean;
}

/** What a subject has to be. */
export type Test =
  | { is: 'holds' }
  | { is: 'exists' }
  | { is: 'compares'; op: Op; values: readonly Value[] };

/** One question about one thing. */
export interface Term {
  is: 'term';
  at: number;
  /** Where the key begins and ends. */
  key: readonly [from: number, to: number];
  subject: Subject;
  test: Test;
}

/** A condition; `from` and `to` are the text that it was read from. */
export type Node = (
  | { is: 'all'; parts: readonly Node[] }
  | { is: 'any'; parts: readonly Node[] }
  | { is: 'not'; part: Node }
  | Term
) & { from: number; to: number };

/** How the values of a field compare. */
export type Sort = 'text' | 'word' | 'id' | 'duration' | 'count' | 'flag';

/** Every field, how its values compare, and what it is, in a few words. */
export const FIELDS = {
  service: ['text', 'service.name of the resource'],
  name: ['text', 'name of the span'],
  kind: ['word', 'server, client, internal, …'],
  status: ['word', 'unset, ok, error'],
  'status.message': ['text', 'description of the status'],
  duration: ['duration', 'end less start of the span'],
  'scope.name': ['text', 'instrumentation scope'],
  'scope.version': ['text', 'its version'],
  'event.name': ['text', 'name of any event'],
  trace_id: ['id', 'hexadecimal digits'],
  span_id: ['id', 'hexadecimal digits'],
  parent_span_id: ['id', 'hexadecimal digits'],
  error: ['flag', 'the status is error'],
  root: ['flag', 'the span has no parent'],
  'trace.duration': ['duration', 'of the whole trace'],
  'trace.spans': ['count', 'spans of the trace'],
  'trace.errors': ['count', 'spans with an error'],
  'trace.orphans': ['count', 'spans without their parent'],
  'trace.services': ['text', 'one of the trace’s services'],
  'trace.root.service': ['text', 'service of the root'],
  'trace.root.name': ['text', 'name of the root'],
  'trace.complete': ['flag', 'a root and no orphan'],
} as const satisfies Record<string, readonly [Sort, string]>;

/** Name of a field, the way it is written. */
export type FieldName = keyof typeof FIELDS;

/** Other names of fields. */
const ALIASES: Record<string, FieldName> = {
  operation: 'name',
  'span.kind': 'kind',
  'otel.status_code': 'status',
  'otel.scope.name': 'scope.name',
  'otel.scope.version': 'scope.version',
};

/** Fields that a span may be without. */
const MAY_MISS: ReadonlySet<FieldName> = new Set([
  'status.message',
  'scope.name',
  'scope.version',
  'event.name',
  'parent_span_id',
]);

/** Levels that a key may begin with. */
export const LEVELS = ['span', 'resource', 'scope', 'event', 'link'] as const;

/** How the values of a field compare. */
export const sortOf = (field: FieldName): Sort => FIELDS[field][0];

/** True for a field of the trace as a whole. */
export const isOfTrace = (field: FieldName): boolean => field.startsWith('trace.');

/** True when `has:` makes sense of a field. */
export const mayMiss = (field: FieldName): boolean => MAY_MISS.has(field);

/** The field that an unquoted key names. */
export function fieldOf(key: string): FieldName | undefined {
  if (Object.hasOwn(FIELDS, key)) return key as FieldName;
  return Object.hasOwn(ALIASES, key) ? ALIASES[key] : undefined;
}

/** The level that a key begins with, and the rest of it. */
export function levelOf(key: string): [Level, string] {
  const level = LEVELS.find((name) => key.startsWith(`${name}.`));
  return level ? [level, key.slice(level.length + 1)] : ['any', key];
}

/** What is wrong with a query, where, and what to do. */
export class QueryError extends Error {
  override name = 'QueryError';

  constructor(
    readonly at: number,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}
