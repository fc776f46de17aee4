// What is measured inside the page. Each function is sent there as text: it may use nothing from around it.

/** Frames of a run: time between them, ms, and how many. */
export interface Frames {
  p50: number;
  p95: number;
  max: number;
  count: number;
}

/** Notes when the first row is drawn and when all rows are in; installed before the page starts. */
export function watch(): void {
  const marks = { firstRows: 0, allRows: 0 };
  Object.assign(window, { benchMarks: marks });
  const look = (): void => {
    const grid = document.querySelector('[role=treegrid]');
    const now = performance.now();
    if (!marks.firstRows && grid?.querySelector('[role=row]:not([hidden])')) marks.firstRows = now;
    if (!marks.allRows && /Loaded in/.test(document.querySelector('footer')?.textContent ?? ''))
      marks.allRows = now;
    if (!marks.firstRows || !marks.allRows) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** Scrolls `selector` by `step` px a frame, or nothing when it is empty, and times the frames. */
export async function frames(given: {
  selector: string;
  step: number;
  count: number;
}): Promise<Frames> {
  const element = given.selector ? document.querySelector(given.selector) : null;
  const times: number[] = [];
  const next = (): Promise<number> => new Promise(requestAnimationFrame);
  // The first frames after a pause are not part of scrolling.
  for (let i = 0; i < 10; i++) await next();
  let before = await next();
  for (let i = 0; i < given.count; i++) {
    if (element) element.scrollTop += given.step;
    const now = await next();
    times.push(now - before);
    before = now;
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.ceil(share * times.length) - 1] as number;
  return { p50: at(0.5), p95: at(0.95), max: at(1), count: times.length };
}

/** Presses `key` and waits until the frame after it has been drawn: ms. */
export async function keyToFrame(key: string): Promise<number> {
  const next = (): Promise<number> => new Promise(requestAnimationFrame);
  await next();
  const start = performance.now();
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  await next();
  // A task after the frame: its drawing is done.
  await new Promise<void>((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener('message', () => done(), { once: true });
    port1.start();
    port2.postMessage(0);
  });
  return performance.now() - start;
}

/** Types `text` into the find field at once and waits until the count is there and drawn: ms. */
export async function findToCount(text: string): Promise<number> {
  const field = document.querySelector<HTMLInputElement>('#find');
  const count = document.querySelector('[aria-label="Matches"]');
  if (!field || !count) throw new Error('no find field');
  const next = (): Promise<number> => new Promise(requestAnimationFrame);
  await next();
  const start = performance.now();
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set;
  set?.call(field, text);
  field.dispatchEvent(new Event('input', { bubbles: true }));
  while (!count.textContent) await next();
  await next();
  return performance.now() - start;
}
