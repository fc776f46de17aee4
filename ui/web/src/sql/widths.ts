// How wide the columns of a result are: as wide as what stands in the first rows, within bounds.

/** Rows looked at. */
export const SAMPLE_ROWS = 60;

const MIN_PX = 64;
const MAX_PX = 420;
const PADDING_PX = 22;
/** A figure or letter of the dense face, px. */
const CHAR_PX = 6.6;
const MONO_PX = 7.1;

/** Width for texts of these lengths, in characters. */
export function columnWidth(head: string, texts: readonly string[], mono: boolean): number {
  const longest = texts.reduce((most, text) => Math.max(most, text.length), 0);
  const body = longest * (mono ? MONO_PX : CHAR_PX);
  const wanted = Math.max(head.length * CHAR_PX, body) + PADDING_PX;
  return Math.round(Math.min(MAX_PX, Math.max(MIN_PX, wanted)));
}
