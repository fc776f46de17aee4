import { randomBytes } from 'node:crypto';

import type { Locator, Page } from '@playwright/test';

import { skeletonOf } from '../mock/answers';
import { assemble } from '../mock/model';
import { toOtlp } from '../mock/otlp';
import { wild } from '../test/trees';
import {
  cursorRow,
  expect,
  expectCursor,
  fact,
  grid,
  open,
  panel,
  params,
  results,
  rows,
  test,
} from './test';
import {
  BROKEN,
  CIRCLE,
  HOSTILE,
  HOSTILE_TEXTS,
  REPEATS,
  sendSpans,
  SMARTTHINGS,
  TRAINTICKET,
} from './traces';

/** Reports of {@link SMARTTHINGS} with `auth` and `client-select` in service and name, counted in its file. */
const AUTH_CLIENT_SELECT = 64;

/** Spans of {@link TRAINTICKET} with an error, by their start. */
const ERRORS = ['b483c59bccbeaaf3', '26bebff2b66fa8ac'] as const;

test('a trace of 1,041 spans: facts, scrolling to the end, and back', async ({ page }) => {
  await open(page, `/trace/${SMARTTHINGS}?fold=0`);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('get /login/tokenauth');
  await expect(fact(page, 'Spans')).toHaveText('1,041');
  await expect(fact(page, 'Services')).toHaveText('16');
  await expect(fact(page, 'Errors')).toHaveText('2');
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '1041');
  await expect(rows(page).first()).toContainText('get /login/tokenauth');
  await grid(page).hover();
  for (let i = 0; i < 30; i++) await page.mouse.wheel(0, 1000);
  await expect(rows(page).filter({ hasText: 'get /login/tokenauth' })).toHaveCount(0);
  const drawn = await rows(page).count();
  expect(drawn).toBeLessThan(60);
  await page.keyboard.press('End');
  await expect(cursorRow(page)).toBeVisible();
  await page.keyboard.press('Home');
  await expect(cursorRow(page)).toContainText('get /login/tokenauth');
});

test('a trace of 200 spans: rows, attributes, filter, copy', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(fact(page, 'Spans')).toHaveText('200');
  await expect(fact(page, 'Services')).toHaveText('18');
  await expect(fact(page, 'Duration')).toHaveText('394 ms');
  await rows(page).filter({ hasText: 'PreserveOtherController.preserve' }).first().click();
  await expect(panel(page).getByRole('heading', { level: 2 })).toHaveText(
    'PreserveOtherController.preserve',
  );
  await expect(panel(page)).toContainText('k8s.pod.name');
  await expect(panel(page)).toContainText('385 ms');
  await panel(page).getByRole('textbox', { name: 'Filter attributes' }).fill('node');
  await expect(panel(page)).toContainText('k8s.node.name');
  await expect(panel(page)).not.toContainText('k8s.pod.name');
  await panel(page).getByText('k8s.node.name').hover();
  await panel(page).getByRole('button', { name: 'Copy the value of k8s.node.name' }).click();
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toMatch(/^\d+\.\d+\.\d+\.\d+$/);
  await panel(page)
    .getByRole('tab', { name: /Events/ })
    .click();
  await expect(panel(page).getByRole('listitem').first()).toBeVisible();
  await panel(page).getByRole('tab', { name: /Raw/ }).click();
  await expect(panel(page)).toContainText('"span_id"');
});

test('rows collapse and expand by pointer and by keys', async ({ page }) => {
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '200');
  const root = rows(page).first();
  await expect(root).toHaveAttribute('aria-expanded', 'true');
  await root.locator('svg').first().click();
  await expect(root).toHaveAttribute('aria-expanded', 'false');
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '1');
  await expect(root).toContainText('+199');
  await expect(panel(page)).toHaveCount(0);
  await page.keyboard.press(']');
  await expect(root).toHaveAttribute('aria-expanded', 'true');
  await page.keyboard.press('{');
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '1');
  await page.keyboard.press('}');
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '200');
});

test('the row cursor by keys alone', async ({ page }) => {
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  await grid(page).focus();
  for (const key of ['j', 'j', 'ArrowDown', 'k']) await page.keyboard.press(key);
  await expectCursor(page, { level: 2, place: 1 });
  await page.keyboard.press('h');
  await expectCursor(page, { level: 1, expanded: true });
  await page.keyboard.press('h');
  await expectCursor(page, { level: 1, expanded: false });
  await page.keyboard.press('l');
  await page.keyboard.press('l');
  await expectCursor(page, { level: 2, place: 1 });
  await page.keyboard.press('J');
  await expectCursor(page, { level: 2, place: 2 });
  await page.keyboard.press('Enter');
  await expect(panel(page)).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(panel(page)).toHaveCount(0);
});

test('errors are walked, round the end and back', async ({ page }) => {
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  const span = () => params(page)['span'];
  await page.keyboard.press('e');
  await page.keyboard.press('Enter');
  await expect.poll(span).toBe(ERRORS[0]);
  await expect(cursorRow(page)).toContainText('error');
  for (const [key, id] of [
    ['e', ERRORS[1]],
    ['e', ERRORS[0]],
    ['E', ERRORS[1]],
    ['E', ERRORS[0]],
  ] as const) {
    await page.keyboard.press(key);
    await expect.poll(span).toBe(id);
    await expect(cursorRow(page)).toContainText('error');
    await expect(cursorRow(page)).toBeInViewport();
  }
});

test('errors are counted, and walked by buttons', async ({ page }) => {
  await open(page, `/trace/${TRAINTICKET}`);
  const errors = page.getByRole('group', { name: 'Errors' });
  await expect(errors).toContainText('2 errors');
  await errors.getByRole('button', { name: /^Next error/ }).click();
  await expect(errors).toContainText('1 of 2 errors');
  await errors.getByRole('button', { name: /^Previous error/ }).click();
  await expect(errors).toContainText('2 of 2 errors');
  await expect(cursorRow(page)).toContainText('BasicController.queryForTravel');
});

test('alike siblings are one row, opened and folded by pointer and by keys', async ({ page }) => {
  await open(page, `/trace/${REPEATS}`);
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '5');
  const run = rows(page).filter({ hasText: 'SELECT orders' });
  await expect(run).toHaveCount(1);
  await expect(run).toContainText('×12');
  await expect(run).toContainText('12 alike, 1 error, first starts at 10.0 ms');
  await expect(run).toContainText('median 3.00 ms, sum 36.0 ms');
  await expect(run).toHaveAttribute('aria-expanded', 'false');
  await run.locator('svg').first().click();
  await expect(run).toHaveCount(12);
  await run.first().getByText('fold ×12').click();
  await expect(run).toHaveCount(1);
  await run.click();
  await expect(panel(page)).toContainText('Each takes 3.00 ms.');
  await page.keyboard.press('l');
  await expect(run).toHaveCount(12);
  await page.keyboard.press('j');
  await page.keyboard.press('h');
  await expect(run).toHaveCount(1);
  await expectCursor(page, { level: 2, place: 1, expanded: false });
  await page.keyboard.press('e');
  await expect(run).toHaveCount(12);
  await expectCursor(page, { level: 2, place: 6 });
  await page.keyboard.press('r');
  await expect(page).toHaveURL(/fold=0/);
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '16');
  await page.getByRole('button', { name: 'Fold repeats' }).click();
  await expect(page).not.toHaveURL(/fold=0/);
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '5');
});

test('the critical path is shown, with the time that each span takes of it', async ({ page }) => {
  await open(page, `/trace/${REPEATS}?span=bad0000000000101`);
  const critical = panel(page).locator('dl > div').filter({ hasText: 'Critical' }).locator('dd');
  // 10 ms before the first query, 11 gaps of 2 ms, 7 ms before the rendering, 5 ms after it.
  await expect(critical).toHaveText('44.0 ms');
  // Its child counts from its own start, however early the child's clock says it began.
  await rows(page).filter({ hasText: 'render' }).click();
  await expect(critical).toHaveText('5.00 ms');
  await rows(page).filter({ hasText: 'load' }).click();
  await expect(critical).toHaveText('15.0 ms');
  await rows(page).filter({ hasText: 'send' }).click();
  await expect(critical).toHaveText('–');
  const toggle = page.getByRole('button', { name: 'Critical path' });
  await expect(toggle).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('c');
  await expect(toggle).toHaveAttribute('aria-pressed', 'false');
  await expect(page).toHaveURL(/cp=0/);
  await page.reload();
  await expect(toggle).toHaveAttribute('aria-pressed', 'false');
});

test('services are switched off and on, and the address says which', async ({ page }) => {
  await open(page, `/trace/${REPEATS}`);
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '5');
  await page.getByRole('button', { name: 'Services: 4 of 4 shown' }).click();
  const choice = page.getByRole('dialog', { name: 'Services shown' });
  await expect(choice.getByRole('listitem').first()).toContainText('repeats-db');
  await choice.getByRole('checkbox', { name: 'repeats-db' }).uncheck();
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '4');
  await expect(page.getByText('12 spans left out')).toBeVisible();
  await expect(page).toHaveURL(/hide=repeats-db/);
  await choice.getByRole('button', { name: 'Only repeats-fonts' }).click();
  // Its ancestors keep its place.
  await expect(rows(page)).toHaveCount(3);
  await expect(rows(page).last()).toContainText('load');
  await page.keyboard.press('Escape');
  await expect(choice).toHaveCount(0);
  await expect
    .poll(() => params(page)['hide']?.split(',').sort())
    .toEqual(['repeats-db', 'repeats-mail', 'repeats-web']);
  await page.reload();
  await expect(rows(page)).toHaveCount(3);
  await page.getByRole('button', { name: 'Services: 1 of 4 shown' }).click();
  await choice.getByRole('button', { name: 'Show all' }).click();
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '5');
  await expect(page).not.toHaveURL(/hide/);
});

test('a link to a span opens it, and a link is made by choosing one', async ({ page }) => {
  await open(page, `/trace/${TRAINTICKET}`);
  await rows(page).filter({ hasText: 'SELECT ts.orders' }).first().click();
  await expect(page).toHaveURL(/span=[0-9a-f]{16}/);
  const link = page.url();
  await page.goto('about:blank');
  await page.goto(link);
  await expect(panel(page).getByRole('heading', { level: 2 })).toHaveText(/SELECT ts\.orders/);
  await expect(cursorRow(page)).toContainText('SELECT ts.orders');
  await expect(cursorRow(page)).toBeInViewport();
});

test('going back closes the panel, then shows the results', async ({ page }) => {
  await open(page, '/explore?service=ts-order-service');
  await page.getByRole('link', { name: '/*' }).first().click();
  await rows(page).nth(3).click();
  await expect(panel(page)).toBeVisible();
  await expect(page).toHaveURL(/span=/);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('w');
  await expect(page).toHaveURL(/range=/);
  await page.goBack();
  await expect(panel(page)).toHaveCount(0);
  await page.goForward();
  await expect(panel(page)).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(panel(page)).toHaveCount(0);
  // The entry of the panel is left first, then the range is written to the one before it.
  await expect.poll(() => Object.keys(params(page))).toEqual(['find', 'range']);
  await page.goBack();
  await expect(page).toHaveURL(/\/explore\?q=service%3Dts-order-service/);
});

test('find counts, marks and walks its matches', async ({ page }) => {
  await open(page, `/trace/${SMARTTHINGS}`);
  await expect(rows(page)).not.toHaveCount(0);
  await page.keyboard.press('f');
  await page.keyboard.type('auth client-select');
  const count = page.getByRole('status', { name: 'Matches' });
  const total = AUTH_CLIENT_SELECT;
  await expect(count).toHaveText(`${total} matched`);
  await page.keyboard.press('Enter');
  await expect(count).toHaveText(`1 of ${total} matched`);
  await expect(cursorRow(page)).toContainText('client-select');
  await page.keyboard.press('Shift+Enter');
  await expect(count).toHaveText(`${total} of ${total} matched`);
  await expect(cursorRow(page)).toBeInViewport();
  await expect(page).toHaveURL(/find=auth\+client-select/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await expect(grid(page)).toBeFocused();
  await open(page, `/trace/${SMARTTHINGS}?find=no+such+span`);
  await expect(count).toHaveText('none');
});

test('find looks through all that spans carry, by words and by queries', async ({ page }) => {
  await open(page, `/trace/${REPEATS}`);
  await expect(rows(page)).not.toHaveCount(0);
  const field = page.getByRole('textbox', { name: /^Find/ });
  const count = page.getByRole('status', { name: 'Matches' });
  const search = page.getByRole('search', { name: 'Find in trace' });
  // The message of a status: no name has it.
  await field.fill('DEADLOCK');
  await expect(count).toHaveText('1 matched');
  await page.keyboard.press('Enter');
  await expect(count).toHaveText('1 of 1 matched');
  await expectCursor(page, { level: 2, place: 6 });
  // An attribute of an event, by key and value.
  await field.fill('what orders.html');
  await expect(count).toHaveText('1 matched');
  await expect(search).not.toContainText('query');
  await field.fill('service=repeats-db');
  await expect(count).toHaveText('12 matched');
  await expect(search).toContainText('query');
  await page.getByRole('button', { name: 'Only matches' }).click();
  // The root keeps their place.
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '13');
  await expect(page).toHaveURL(/only=1/);
  await page.reload();
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '13');
  await page.getByRole('button', { name: 'Only matches' }).click();
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '5');
  await field.fill('duration>1');
  await expect(page.getByText(/^Looked for as plain words, for it is no query/)).toBeVisible();
  await expect(count).toHaveText('none');
});

test.describe('a find that gets no answer', () => {
  test.use({ allowedErrors: /Failed to load resource/ });

  test('keeps what names have, says so, and can be tried again', async ({ page }) => {
    await page.route('**/find?*', (route) => route.abort());
    await open(page, `/trace/${REPEATS}?find=orders`);
    const field = page.getByRole('textbox', { name: /^Find/ });
    const count = page.getByRole('status', { name: 'Matches' });
    await expect(count).toHaveText('13 matched');
    await field.focus();
    await expect(page.getByText(/^Only services and names were looked through/)).toBeVisible();
    await page.unroute('**/find?*');
    await page.getByRole('button', { name: 'Retry' }).click();
    // The events of the rendering name them too.
    await expect(count).toHaveText('14 matched');
  });
});

test('the span panel is made wider by keys and by pointer, and stays so', async ({ page }) => {
  await open(page, `/trace/${REPEATS}?span=bad0000000000101`);
  const edge = page.getByRole('separator', { name: 'Width of the span panel' });
  const width = async (): Promise<number> => (await panel(page).boundingBox())?.width ?? 0;
  await expect.poll(width).toBe(372);
  await edge.focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await expect.poll(width).toBe(420);
  const box = (await edge.boundingBox()) as { x: number; y: number; width: number };
  await page.mouse.move(box.x + box.width / 2, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(900, box.y + 60, { steps: 4 });
  await page.mouse.up();
  await expect.poll(width).toBe(700);
  await page.reload();
  await expect.poll(width).toBe(700);
  await edge.dblclick();
  await expect.poll(width).toBe(372);
});

test('a span is ranked among all of its operation in the hour before', async ({ page }) => {
  await open(page, `/trace/${REPEATS}?span=bad0000000000115`);
  const rank = page.getByRole('region', { name: 'Within its operation' });
  // Six queries started by then, all alike; this one failed.
  await expect(rank).toContainText('of 6 calls');
  await expect(rank).toContainText('3.00 ms is p0: median 3.00 ms, p95 3.00 ms, 1 failed.');
  await rank.getByRole('link').click();
  await expect(results(page).first()).toContainText('GET /orders');
});

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

test('missing parents and odd times are shown as what they are', async ({ page }) => {
  await open(page, `/trace/${BROKEN}`);
  await expect(
    page.getByRole('main').getByRole('status').filter({ hasText: 'root' }),
  ).toContainText('The root span is missing. 2 spans name parents that are not here');
  await expect(rows(page)).toHaveCount(4);
  await expect(rows(page).filter({ hasText: 'ends before it starts' })).toContainText('−10.0 ms');
  await expect(rows(page).filter({ hasText: 'takes no time' })).toContainText('no duration');
  await expect(fact(page, 'Orphans')).toHaveText('2');
});

test('clocks that differ are told, and marked where it shows', async ({ page }) => {
  await open(page, `/trace/${REPEATS}`);
  const notice = page.getByRole('main').getByRole('status').filter({ hasText: 'clocks' });
  await expect(notice).toContainText(
    '1 span starts before the parent in another service, by up to 5.00 ms: the clocks of repeats-fonts and repeats-web differ.',
  );
  const row = rows(page).filter({ hasText: 'load' });
  await expect(row).toContainText('skew');
  await row.click();
  await expect(panel(page)).toContainText('It starts before its parent');
});

test('a circle of parents is cut, and said to be', async ({ page }) => {
  await open(page, `/trace/${CIRCLE}?span=bad0000000000021`);
  await expect(rows(page)).toHaveCount(2);
  await expectCursor(page, { level: 1 });
  await expect(panel(page)).toContainText('Its parents form a circle');
  await page.keyboard.press('j');
  await expect(panel(page)).toContainText('bad0000000000022');
  await expect(panel(page)).not.toContainText('Its parents form a circle');
});

test('a trace that was cut says how much of it is missing', async ({ page }) => {
  await page.route(`**/api/clew/v1/traces/${'ab'.repeat(16)}`, (route) => {
    const skeleton = skeletonOf(assemble(wild(3, 20)));
    const head = { ...skeleton.head, truncated_span_count: 480 };
    return route.fulfill({
      contentType: 'application/json',
      body: JSON.stringify({ ...skeleton, head }),
    });
  });
  await open(page, `/trace/${'ab'.repeat(16)}`);
  await expect(
    page.getByRole('main').getByRole('status').filter({ hasText: 'Only' }),
  ).toContainText('Only 20 spans are shown; 480 spans of this trace are left out.');
});

test('an attribute is added to the last search, or looked for by itself', async ({ page }) => {
  await open(page, '/explore?tags=k8s.container.name%3Dserver&min=1ms');
  await expect(results(page)).not.toHaveCount(0);
  await page.locator(`a[data-trace="${TRAINTICKET}"]`).click();
  await rows(page).filter({ hasText: 'PreserveOtherController.preserve' }).first().click();
  const node = panel(page).getByText('k8s.node.name', { exact: true }).first();
  await node.hover();
  await panel(page).getByRole('link', { name: 'Add k8s.node.name to the query' }).first().click();
  await expect(page).toHaveURL(/\/explore\?/);
  await expect
    .poll(() => params(page))
    .toMatchObject({
      q: 'k8s.container.name=server duration>=1ms k8s.node.name=33.33.33.116',
    });
  await expect(results(page)).not.toHaveCount(0);
});

test('a link to a span has nothing else in it; the way to a comparison has the trace', async ({
  page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page, `/trace/${REPEATS}?find=load&span=bad0000000000102`);
  await panel(page).getByRole('button', { name: 'Copy a link to this span' }).click();
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toMatch(new RegExp(`/trace/${REPEATS}\\?span=bad0000000000102$`));
  await grid(page).focus();
  await page.keyboard.press('x');
  await expect(page).toHaveURL(new RegExp(`/compare\\?a=${REPEATS}`));
});

test('hostile text stays text', async ({ page }) => {
  await open(page, `/trace/${HOSTILE}?span=bad0000000000001`);
  await expect(page.getByRole('heading', { level: 1 })).toContainText(HOSTILE_TEXTS.service);
  await expect(rows(page).first()).toContainText(HOSTILE_TEXTS.name);
  await expect(panel(page)).toContainText(HOSTILE_TEXTS.markup);
  await expect(panel(page)).toContainText('abc\\u{202e}fdp.exe\\u{2066}');
  await expect(panel(page)).toContainText('before\\u{0}after');
  await expect(panel(page)).toContainText('Show all, 1.0 MB');
  for (const tab of [/Events/, /Links/, /Resource/, /Raw/]) {
    await panel(page).getByRole('tab', { name: tab }).click();
    await expect(panel(page).getByRole('tabpanel')).not.toBeEmpty();
  }
  await open(page, '/explore?service=%3Cb%3Eshop%3C%2Fb%3E');
  await expect(page.getByRole('link', { name: HOSTILE_TEXTS.name })).toBeVisible();
  expect(await page.evaluate(() => 'polluted' in {} || '__owned' in window)).toBe(false);
});

test('a link out of a span leads to the other trace', async ({ page }) => {
  await open(page, `/trace/${HOSTILE}?span=bad0000000000001`);
  await panel(page).getByRole('tab', { name: /Links/ }).click();
  await panel(page)
    .getByRole('link', { name: new RegExp(TRAINTICKET) })
    .click();
  await expect(page).toHaveURL(new RegExp(`/trace/${TRAINTICKET}\\?span=bad0000000000009`));
  await expect(fact(page, 'Spans')).toHaveText('200');
  await expect(panel(page)).toContainText('This trace has no span bad0000000000009');
});

test('links to a span are found from the other end', async ({ page }) => {
  await open(page, `/trace/${REPEATS}?span=bad0000000000101`);
  await panel(page).getByRole('tab', { name: /Links/ }).click();
  await panel(page).getByRole('button', { name: 'Look for links to this span' }).click();
  await panel(page).getByRole('link', { name: 'round and round' }).click();
  await expect(page).toHaveURL(new RegExp(`/trace/${CIRCLE}\\?span=bad0000000000021`));
  await panel(page).getByRole('tab', { name: /Links/ }).click();
  await panel(page)
    .getByRole('link', { name: new RegExp(REPEATS) })
    .click();
  await expect(page).toHaveURL(new RegExp(`/trace/${REPEATS}\\?span=bad0000000000101`));
  await page.keyboard.press('j');
  await panel(page).getByRole('tab', { name: /Links/ }).click();
  await panel(page).getByRole('button', { name: 'Look for links to this span' }).click();
  await expect(panel(page)).toContainText('No span links to this one');
});

test('a trace from a file has every view, and is looked for in the links of the store', async ({
  page,
}) => {
  const span = {
    traceId: 'cd'.repeat(16),
    spanId: '00000000000000a1',
    name: 'from a file',
    kind: 1,
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000000001000000',
    events: [{ timeUnixNano: '1700000000000500000', name: 'half way' }],
  };
  const body = { resourceSpans: [{ resource: {}, scopeSpans: [{ spans: [span] }] }] };
  await open(page, '/file');
  await page.locator('input[type=file]').setInputFiles({
    name: 'trace.json',
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify(body)),
  });
  await expect(page).toHaveURL(/trace\/file-/);
  await expect(rows(page)).toHaveCount(1);
  await page.keyboard.press('4');
  await expect(page.getByRole('grid', { name: 'Events' })).toContainText('half way');
  await page.keyboard.press('5');
  await expect(page.getByRole('grid', { name: 'OTLP JSON' })).toContainText('resourceSpans');
  await page.keyboard.press('1');
  await expect(rows(page)).toHaveCount(1);
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await panel(page).getByRole('tab', { name: /Links/ }).click();
  await panel(page).getByRole('button', { name: 'Look for links to this span' }).click();
  await expect(panel(page)).toContainText('No span links to this one');
});

test('the trace can be downloaded', async ({ page }) => {
  await open(page, `/trace/${TRAINTICKET}`);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download as OTLP JSON' }).click();
  expect((await download).suggestedFilename()).toBe(`trace-${TRAINTICKET}.json`);
});

test.describe('a trace that is not there', () => {
  test.use({ allowedErrors: /Failed to load resource/ });

  test('says so', async ({ page }) => {
    await open(page, '/trace/00000000000000000000000000000def');
    await expect(page.getByRole('alert')).toContainText('not_found');
  });
});

test.describe('ways to show a trace', () => {
  const view = (page: Page, name: RegExp): Locator => page.getByRole('tab', { name });

  test('the table lists spans in any order, and opens them', async ({ page }) => {
    await open(page, `/trace/${REPEATS}`);
    await view(page, /^Table/).click();
    await expect(page).toHaveURL(/view=table/);
    const table = page.getByRole('grid', { name: 'Spans' });
    await expect(table).toHaveAttribute('aria-rowcount', '17');
    const cell = table.getByRole('row').nth(1).getByRole('gridcell');
    await expect(cell.nth(1)).toHaveText('GET /orders');
    await table.getByRole('button', { name: 'Duration' }).click();
    await expect(page).toHaveURL(/sort=-duration/);
    await expect(cell.nth(1)).toHaveText('send');
    await expect(cell.nth(5)).toHaveText('220 ms');
    await expect(table.getByRole('columnheader', { name: 'Duration' })).toHaveAttribute(
      'aria-sort',
      'descending',
    );
    await table.focus();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await expect(panel(page).getByRole('heading', { level: 2 })).toHaveText('GET /orders');
    await expect(table.locator('[aria-selected=true]')).toContainText('GET /orders');
    await page.keyboard.press('End');
    await expect(panel(page).getByRole('heading', { level: 2 })).toHaveText('SELECT orders');
    await page.keyboard.press('1');
    await expect(cursorRow(page)).toContainText('SELECT orders');
  });

  test('spans are grouped with their statistics, and a group is listed', async ({ page }) => {
    await open(page, `/trace/${REPEATS}?view=table`);
    await page.getByLabel('Group by').selectOption('Service and name');
    await expect(page).toHaveURL(/group=operation/);
    const groups = page.getByRole('grid', { name: 'Groups of spans' });
    await expect(groups).toHaveAttribute('aria-rowcount', '6');
    const queries = groups.getByRole('row').filter({ hasText: 'SELECT orders' });
    // Spans, errors, sum, self, critical, shortest, median, p95, longest.
    await expect(queries.getByRole('gridcell')).toHaveText([
      /repeats-db.*SELECT orders/,
      '12',
      '1',
      '36.0 ms',
      '36.0 ms',
      '36.0 ms',
      '3.00 ms',
      '3.00 ms',
      '3.00 ms',
      '3.00 ms',
    ]);
    await groups.getByRole('button', { name: 'Spans' }).click();
    await expect(groups.getByRole('row').nth(1)).toContainText('SELECT orders');
    await queries.click();
    await expect(page).toHaveURL(/pick=repeats-db,SELECT/);
    await expect(page.getByRole('grid', { name: 'Spans' })).toHaveAttribute('aria-rowcount', '13');
    await page.goBack();
    await expect(groups).toHaveAttribute('aria-rowcount', '6');
  });

  test('the flame graph is walked by keys and says what it shows', async ({ page }) => {
    await open(page, `/trace/${REPEATS}`);
    await expect(rows(page)).not.toHaveCount(0);
    await page.keyboard.press('2');
    const frame = page.getByRole('status', { name: 'Frame' });
    // Self: root 5 + 7 + 22 + 10 ms less the mail's time, queries 36, rendering 5, its child 20, mail 220.
    await expect(frame).toContainText('All spans, 16 spans');
    await page.keyboard.press('ArrowDown');
    await expect(frame).toContainText('repeats-web GET /orders, 1 span');
    await page.keyboard.press('ArrowDown');
    await expect(frame).toContainText('repeats-mail send, 1 span, 220 ms');
    await page.keyboard.press('ArrowRight');
    await expect(frame).toContainText('repeats-db SELECT orders, 12 spans, 36.0 ms');
    await expect(frame).toContainText('self 36.0 ms, 1 error');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await expect(panel(page).getByRole('heading', { level: 2 })).toHaveText('SELECT orders');
  });

  test('events of all spans are listed by time, filtered, and lead to their span', async ({
    page,
  }) => {
    await open(page, `/trace/${REPEATS}`);
    await view(page, /^Events 3/).click();
    const events = page.getByRole('grid', { name: 'Events' });
    await expect(events).toHaveAttribute('aria-rowcount', '4');
    await expect(events.getByRole('row').nth(1)).toContainText('cache miss');
    await expect(events.getByRole('row').nth(2)).toContainText('what=orders.html');
    await expect(events.getByRole('row').nth(3)).toContainText('what=<b>200</b>');
    await page.getByRole('textbox', { name: 'Filter events' }).fill('TEMPLATE html');
    await expect(events).toHaveAttribute('aria-rowcount', '2');
    await expect(page.getByText('1 of 3 events')).toBeVisible();
    await events.getByRole('row').nth(1).click();
    await expect(panel(page).getByRole('heading', { level: 2 })).toHaveText('render');
  });

  test('the JSON is the trace as it was sent, as text', async ({ page, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await open(page, `/trace/${HOSTILE}?view=json`);
    const json = page.getByRole('grid', { name: 'OTLP JSON' });
    await expect(json.getByRole('row').first()).toContainText('{');
    await expect(json).toContainText('resourceSpans');
    await page.keyboard.press('End');
    // The value of a megabyte is cut, wherever it stands.
    await expect(async () => {
      await page.keyboard.press('PageUp');
      await expect(json).toContainText('1.0 MB', { timeout: 1000 });
    }).toPass();
    await page.getByRole('button', { name: 'Copy', exact: true }).click();
    await expect
      .poll(() =>
        page.evaluate(async () => {
          const text = await navigator.clipboard.readText();
          return text === '' ? [] : Object.keys(JSON.parse(text) as object);
        }),
      )
      .toEqual(['resourceSpans']);
    expect(await page.evaluate(() => '__owned' in window)).toBe(false);
  });
});

test('any tree of spans is shown in every way without an error', async ({ page }) => {
  test.slow();
  const id = 'ab'.repeat(16);
  let seed = 0;
  await page.route(`**/api/clew/v1/traces/${id}`, (route) =>
    route.fulfill({
      contentType: 'application/json',
      body: JSON.stringify(skeletonOf(assemble(wild(seed, 4 + ((seed * 13) % 60))))),
    }),
  );
  await page.route(`**/api/clew/v1/traces/${id}/otlp`, (route) =>
    route.fulfill({
      contentType: 'application/json',
      body: JSON.stringify(toOtlp(wild(seed, 4 + ((seed * 13) % 60)))),
    }),
  );
  for (seed = 1; seed <= 8; seed++) {
    await open(page, `/trace/${id}?fold=${seed % 2}`);
    await expect(rows(page)).not.toHaveCount(0);
    for (const key of ['j', 'j', 'h', 'l', 'e', 'E', 'J', 'K', 'w', '.', '0', '{', '}', '[', ']'])
      await page.keyboard.press(key);
    await page.keyboard.press('End');
    await expect(cursorRow(page)).toBeInViewport();
    for (const [key, name] of [
      ['2', /^Flame graph/],
      ['3', /^Spans$/],
      ['4', /^Events$/],
      ['5', /^OTLP JSON$/],
    ] as const) {
      await page.keyboard.press(key);
      const shown = page.getByRole(key === '2' ? 'application' : 'grid', { name });
      await expect(shown).toBeVisible();
      for (const move of ['j', 'j', 'k', 'l', 'End', 'Home']) await page.keyboard.press(move);
    }
    await page.keyboard.press('1');
    await expect(rows(page)).not.toHaveCount(0);
  }
});
