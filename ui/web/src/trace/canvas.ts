// A canvas as sharp as the screen.

/** Gives `canvas` the size `width` by `height` CSS px and returns its context, scaled so that one unit is one CSS px. */
export function sizeCanvas(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D | null {
  const ratio = window.devicePixelRatio || 1;
  const pixelWidth = Math.max(1, Math.round(width * ratio));
  const pixelHeight = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== pixelWidth || canvas.height !== pixelHeight) {
    canvas.width = pixelWidth;
    canvas.height = pixelHeight;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext('2d');
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** Runs `draw` in the next frame, once, however often it is asked for. */
export class FrameLoop {
  private request = 0;

  constructor(private readonly draw: () => void) {}

  /** Asks for a frame. */
  schedule = (): void => {
    this.request ||= requestAnimationFrame(() => {
      this.request = 0;
      this.draw();
    });
  };

  /** Takes back what was asked for. */
  stop(): void {
    cancelAnimationFrame(this.request);
    this.request = 0;
  }
}
