// Shapes of the server's answers: one declaration gives the static type and the check at run time, so that an answer of
// another version is refused by name and place instead of showing `undefined` somewhere.

/** Why an answer is not what its shape says. */
export class ShapeError extends Error {
  override name = 'ShapeError';
}

/** Reads an unknown value as `T`; `at` is its place in the answer. */
export type Shape<T> = (value: unknown, at: string) => T;

/** The type that a shape reads. */
export type Of<S> = S extends Shape<infer T> ? T : never;

function refuse(at: string, expected: string, value: unknown): never {
  const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
  throw new ShapeError(`${at || 'answer'}: expected ${expected}, got ${got}`);
}

/** A string. */
export const text: Shape<string> = (value, at) =>
  typeof value === 'string' ? value : refuse(at, 'a string', value);

/** A number. */
export const number: Shape<number> = (value, at) =>
  typeof value === 'number' ? value : refuse(at, 'a number', value);

/** True or false. */
export const flag: Shape<boolean> = (value, at) =>
  typeof value === 'boolean' ? value : refuse(at, 'true or false', value);

/** A 64-bit integer, sent as decimal text. */
export const decimal: Shape<bigint> = (value, at) =>
  typeof value === 'string' && /^-?\d+$/.test(value)
    ? BigInt(value)
    : refuse(at, 'a decimal number as text', value);

/** An array of `item`. */
export const list =
  <T>(item: Shape<T>): Shape<T[]> =>
  (value, at) =>
    Array.isArray(value)
      ? value.map((element, i) => item(element, `${at}[${i}]`))
      : refuse(at, 'an array', value);

/** Rows of a table: many, so they are checked without naming each. */
export const rowNumbers: Shape<Uint32Array> = (value, at) => {
  const isRow = (row: unknown): boolean => Number.isInteger(row) && (row as number) >= 0;
  return Array.isArray(value) && value.every(isRow)
    ? Uint32Array.from(value as number[])
    : refuse(at, 'an array of rows', value);
};

/** `T` or null. */
export const nullable =
  <T>(inner: Shape<T>): Shape<T | null> =>
  (value, at) =>
    value === null ? null : inner(value, at);

/** `T`, or `fallback` when the field is absent. */
export const optional =
  <T, F>(inner: Shape<T>, fallback: F): Shape<T | F> =>
  (value, at) =>
    value === undefined ? fallback : inner(value, at);

/** One of a few words. */
export const oneOf =
  <const W extends string>(...words: W[]): Shape<W> =>
  (value, at) =>
    words.includes(value as W) ? (value as W) : refuse(at, words.join(' or '), value);

/** An object with these fields; others are ignored, so that a newer server may say more. */
export const record =
  <F extends Record<string, Shape<unknown>>>(fields: F): Shape<{ [K in keyof F]: Of<F[K]> }> =>
  (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      refuse(at, 'an object', value);
    }
    const source = value as Record<string, unknown>;
    const result: Record<string, unknown> = {};
    for (const [name, shape] of Object.entries(fields)) {
      result[name] = shape(source[name], at ? `${at}.${name}` : name);
    }
    return result as { [K in keyof F]: Of<F[K]> };
  };
