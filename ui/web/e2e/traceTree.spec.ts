// The tree of a trace: rows, the cursor, what is collapsed, folded and hidden, and the way from error to error.

import {
  cursorRow,
  expect,
  expectCursor,
  fact,
  grid,
  open,
  panel,
  params,
  rows,
  test,
} from './test';
import { REPEATS, SMARTTHINGS, TRAINTICKET } from './traces';

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
