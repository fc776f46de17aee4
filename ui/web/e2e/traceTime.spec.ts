// The time of a trace: the part of it that is shown, idle stretches, and traces that still grow.

import { randomBytes } from 'node:crypto';

import { cursorRow, expect, expectCursor, grid, open, params, rows, test } from './test';
import { REPEATS, sendSpans, SMARTTHINGS, TRAINTICKET } from './traces';

test('the shown range is zoomed, dragged, moved by keys and kept in the address', async ({
  page,
}) => {
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  const minimap = page.getByRole('group', { name: 'Shown range of the trace' });
  const box = (await minimap.boundingBox()) as { x: number; y: number; width: number };
  await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 40, { steps: 5 });
  await page.mouse.up();
  await expect(page).toHaveURL(/range=\d+,\d+/);
  const rangeOf = () => (params(page)['range'] ?? '0,0').split(',').map(Number) as [number, number];
  // Half of 394 ms, less the room beside the bars; the address follows the pointer with a delay.
  await expect.poll(() => rangeOf()[1]).toBeGreaterThan(190e6);
  const [from, to] = rangeOf();
  expect(from).toBeGreaterThan(80e6);
  expect(to).toBeLessThan(220e6);
  const start = page.getByRole('slider', { name: 'Start of the shown range' });
  await start.focus();
  await page.keyboard.press('ArrowLeft');
  await expect.poll(() => rangeOf()[0]).toBeLessThan(from);
  expect(rangeOf()[1]).toBe(to);
  await page.keyboard.press('0');
  await expect(page).not.toHaveURL(/range/);
  await open(page, `/trace/${TRAINTICKET}?range=100000000,200000000`);
  await expect(page.getByText('100 ms to 200 ms')).toBeVisible();
});

test('idle time is cut out of the axis where it is asked for, and stays so in the address', async ({
  page,
}) => {
  await open(page, `/trace/${SMARTTHINGS}`);
  await expect(rows(page)).not.toHaveCount(0);
  const toggle = page.getByRole('button', { name: 'Cut idle time' });
  await expect(toggle).toHaveAttribute('aria-pressed', 'false');
  const end = page.getByRole('slider', { name: 'End of the shown range' });
  const endNs = async (): Promise<number> => Number(await end.getAttribute('aria-valuenow'));
  const whole = await endNs();
  await page.keyboard.press('i');
  await expect(toggle).toHaveAttribute('aria-pressed', 'true');
  await expect(page).toHaveURL(/gaps=1/);
  await expect(page.getByText(/^Cut out: \d+ stretches, 4.m/)).toHaveCount(1);
  // A hundredth of the time in which something happens, about 13 s, is no hundredth of the five minutes.
  await end.focus();
  await page.keyboard.press('ArrowLeft');
  await expect.poll(endNs).toBeLessThan(whole);
  expect(whole - (await endNs())).toBeLessThan(1e9);
  await page.reload();
  await expect(toggle).toHaveAttribute('aria-pressed', 'true');
  // Zooming out leads to the whole trace again, over every cut.
  await expect(rows(page)).not.toHaveCount(0);
  for (let i = 0; i < 3; i++) await page.keyboard.press('s');
  await expect.poll(endNs).toBe(whole);
  await toggle.click();
  await expect(page).not.toHaveURL(/gaps=/);
  await end.focus();
  await page.keyboard.press('ArrowLeft');
  await expect.poll(async () => whole - (await endNs())).toBeGreaterThan(3e9);
  // Where something happens all the time there is nothing to cut.
  await open(page, `/trace/${REPEATS}`);
  await expect(rows(page)).not.toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Critical path' })).toBeVisible();
  await expect(toggle).toHaveCount(0);
});

test('a trace that is still growing is shown as it grows, until that is stopped', async ({
  page,
}) => {
  const traceId = randomBytes(16).toString('hex');
  const now = BigInt(Date.now()) * 1_000_000n;
  const span = (id: number, parent: number, name: string, from: number, to: number): object => ({
    traceId,
    spanId: id.toString(16).padStart(16, '0'),
    parentSpanId: parent ? parent.toString(16).padStart(16, '0') : '',
    name,
    kind: 1,
    startTimeUnixNano: String(now + BigInt(from) * 1_000_000n),
    endTimeUnixNano: String(now + BigInt(to) * 1_000_000n),
  });
  const leaves = Array.from({ length: 60 }, (_, i) =>
    span(100 + i, 2, `step${i}`, i * 10, i * 10 + 5),
  );
  await sendSpans('growing', leaves);
  await open(page, `/trace/${traceId}?fold=0&find=step4`);
  await expect(page.getByText('Still growing, 60 spans so far.')).toBeVisible();
  await expect(page.getByText(/60 spans name parents that are not here/)).toBeVisible();
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '60');
  await page.keyboard.press('n');
  await expect(cursorRow(page)).toContainText('step4');
  await expectCursor(page, { level: 1 });
  for (let i = 0; i < 36; i++) await page.keyboard.press('j');
  await expect(cursorRow(page)).toContainText('step40');
  const place = async () => (await cursorRow(page).boundingBox())?.y;
  await expect.poll(place).toBeDefined();
  const before = await place();

  // The parents come in: the row under the cursor stays, two levels further down.
  await sendSpans('growing-parents', [
    span(2, 1, 'middle', -10, 700),
    span(1, 0, 'the root', -20, 800),
  ]);
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '62');
  await expectCursor(page, { level: 3 });
  await expect(cursorRow(page)).toContainText('step40');
  expect(await place()).toBeCloseTo(before ?? 0, 0);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('the root');
  await expect(page.getByText('May still grow, 62 spans so far.')).toBeVisible();
  await expect(page.getByRole('status', { name: 'Matches' })).toHaveText(/11 matched$/);

  await page.getByRole('button', { name: 'Stop' }).click();
  await sendSpans('growing', [span(300, 1, 'late', 100, 110)]);
  await expect(page.getByText('New spans are not looked for.')).toBeVisible();
  // Two looks would have been made by now.
  await page.waitForTimeout(5000);
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '62');
  await page.getByRole('button', { name: 'Look for new spans' }).click();
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '63');
});
