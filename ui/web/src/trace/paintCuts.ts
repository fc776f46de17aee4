// Marks where time was cut out: a band between two jagged lines, torn through whatever is drawn there.

import type { CutPlace } from './axis';
import type { Palette } from './palette';

/** Height of a tooth, and how far it reaches to either side, px. */
const TOOTH = 5;
const REACH = 2.5;

/** Opacity of the lines: there may be many. */
const LINE_ALPHA = 0.75;

/** Draws `places` from `top`, `height` px down. */
export function paintCuts(
  context: CanvasRenderingContext2D,
  places: readonly CutPlace[],
  { color }: Palette,
  top: number,
  height: number,
): void {
  for (const { left, right } of places) {
    const inset = Math.min(REACH + 1, (right - left) / 3);
    const [from, to] = [left + inset, right - inset];
    context.fillStyle = color['surface-2'];
    context.beginPath();
    jagged(context, from, top, height, 1);
    jagged(context, to, top, height, -1);
    context.closePath();
    context.fill();
    context.strokeStyle = color['line-control'];
    context.globalAlpha = LINE_ALPHA;
    context.lineWidth = 1;
    context.beginPath();
    jagged(context, from, top, height, 1);
    context.stroke();
    context.beginPath();
    jagged(context, to, top, height, -1);
    context.stroke();
    context.globalAlpha = 1;
  }
}

/** A jagged line downwards, or upwards. */
function jagged(
  context: CanvasRenderingContext2D,
  x: number,
  top: number,
  height: number,
  direction: 1 | -1,
): void {
  const teeth = Math.ceil(height / TOOTH);
  for (let i = 0; i <= teeth; i++) {
    const tooth = direction === 1 ? i : teeth - i;
    context.lineTo(x + (tooth % 2 === 0 ? -REACH : REACH), top + tooth * TOOTH);
  }
}
