// Rectangles side by side, from left to right: parts of a bar.

/** Where they are drawn. */
export type Surface = Pick<CanvasRenderingContext2D, 'fillRect'>;

/** See the module. Each is seen, however short; those closer than half a pixel run together, as there may be thousands. */
export class Strokes {
  private drawnTo = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly surface: Surface,
    private readonly from: number,
    private readonly to: number,
    private readonly top: number,
    private readonly height: number,
  ) {}

  /** Draws from `left` to `right`, as far as it is not drawn yet. */
  add(left: number, right: number): void {
    // What ends within the last pixel is seen already: widening it too would push all that follow to the right.
    if (right - this.drawnTo < 0.5 || right < this.from) return;
    const begin = Math.max(left, this.from, this.drawnTo);
    const end = Math.min(Math.max(right, begin + 1), this.to);
    if (end <= begin) return;
    this.surface.fillRect(begin, this.top, end - begin, this.height);
    this.drawnTo = end;
  }
}
