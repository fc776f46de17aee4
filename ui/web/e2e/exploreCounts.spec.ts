// What Explore counts: facets and the heatmap, and how both narrow a search.

import type { Locator, Page } from '@playwright/test';

import { expect, open, params, results, test } from './test';
import { FAST } from './traces';

const total = (page: Page): Locator =>
  page.getByRole('region', { name: 'Results' }).getByRole('status').first();

const heatmap = (page: Page): Locator =>
  page.getByRole('application', { name: /^Latency heatmap/ });

test('a facet’s value is included, excluded and taken out, by pointer and by keys', async ({
  page,
}) => {
  await open(page, '/explore');
  await expect(results(page)).not.toHaveCount(0);
  const kind = page.getByRole('region', { name: 'Kind' });
  const client = kind.getByRole('button', { name: /^client, [\d,]+ spans/ });
  await client.click();
  await expect(page).toHaveURL(/q=kind%3Dclient$/);
  await expect(kind.getByRole('button', { name: /^client,.*included/ })).toHaveAttribute(
    'aria-pressed',
    'true',
  );
  // The other kinds are still told, to choose them instead or as well.
  await kind.getByRole('button', { name: /^server,/ }).click();
  await expect(page).toHaveURL(/q=kind%3Dclient%7Cserver$/);
  await client.click({ modifiers: ['Alt'] });
  await expect(page).toHaveURL(/q=-kind%3Dclient\+kind%3Dserver$/);
  await expect(kind.getByRole('button', { name: /^client,.*excluded/ })).toBeVisible();
  await kind.getByRole('button', { name: /^client,/ }).focus();
  await page.keyboard.press('-');
  await expect(page).toHaveURL(/q=kind%3Dserver$/);
  await page.keyboard.press('ArrowDown');
  await expect(kind.getByRole('button', { name: /^client,/ })).not.toBeFocused();
});

test('facets of any key can be shown', async ({ page }) => {
  await open(page, '/explore');
  await expect(results(page)).not.toHaveCount(0);
  await page.getByRole('textbox', { name: 'Find a key' }).fill('db.pl');
  await page
    .getByRole('button', { name: /^db\.plan/ })
    .first()
    .click();
  await page.getByRole('textbox', { name: 'Find a key' }).fill('');
  const plan = page.getByRole('region', { name: 'db.plan' });
  await plan.getByRole('button', { name: /^scan, 1 spans/ }).click();
  await expect(page).toHaveURL(/db\.plan%3Dscan/);
  await expect(results(page)).toHaveCount(1);
});

test('a box on the heatmap narrows the results, by keys, and becomes a part of the query', async ({
  page,
}) => {
  await open(page, '/explore?q=service%3Dcompared&tz=utc');
  await expect(results(page)).toHaveCount(2);
  await expect(heatmap(page)).toBeVisible();
  await page.keyboard.press('b');
  await expect(heatmap(page)).toBeFocused();
  // The cursor begins at the fullest cell; both hold one trace, so it is the first: 100 ms.
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/sel=/);
  await expect(results(page)).toHaveCount(1);
  await expect(results(page)).toContainText('100 ms');
  await expect(total(page)).toContainText('1 in the box');
  await page.getByRole('button', { name: 'Filter to' }).click();
  await expect(page).toHaveURL(/trace\.duration/);
  await expect(page).not.toHaveURL(/sel=/);
  await expect(results(page)).toHaveCount(1);
  await page.goBack();
  await expect(page).toHaveURL(/sel=/);
  await heatmap(page).focus();
  await page.keyboard.press('Escape');
  await expect(page).not.toHaveURL(/sel=/);
  await expect(results(page)).toHaveCount(2);
});

test('a box is drawn with the pointer, and a cell leads to its trace', async ({ page }) => {
  await open(page, '/explore?q=service%3Dcompared&tz=utc');
  await expect(results(page)).toHaveCount(2);
  const area = await heatmap(page).boundingBox();
  if (!area) throw new Error('no heatmap');
  await page.mouse.move(area.x + 70, area.y + 10);
  await page.mouse.down();
  await page.mouse.move(area.x + area.width - 20, area.y + 190, { steps: 4 });
  await page.mouse.up();
  await expect(page).toHaveURL(/sel=/);
  await expect(page.getByRole('group', { name: 'Box' })).toContainText('2 traces');
  await expect(results(page)).toHaveCount(2);
  await page
    .getByRole('group', { name: 'Box' })
    .getByRole('button', { name: 'Take the box away' })
    .click();
  await expect(page).not.toHaveURL(/sel=/);
  await heatmap(page).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/trace/${FAST}`));
});

test('the time of the heatmap is zoomed and moved, by pointer and by keys, and goes back', async ({
  page,
}) => {
  // The two traces are a minute apart.
  await open(page, '/explore?q=service%3Dcompared&tz=utc');
  await expect(results(page)).toHaveCount(2);
  const region = page.getByRole('region', { name: 'Latency', exact: true });
  const range = (): number[] => ['from', 'to'].map((end) => Number(params(page)[end]) / 1e9);
  const T0 = 1_700_000_000;

  // By the wheel, where the first trace is: the cursor begins there.
  await heatmap(page).focus();
  await page.keyboard.press('ArrowRight');
  const cell = await region.locator('[data-part="hover"]').boundingBox();
  if (!cell) throw new Error('no cell under the cursor');
  await page.mouse.move(cell.x + cell.width / 2, cell.y + cell.height / 2);
  await page.keyboard.down('Control');
  for (let i = 0; i < 6; i++) await page.mouse.wheel(0, -100);
  await page.keyboard.up('Control');
  await expect(page).toHaveURL(/around=/);
  await expect(results(page)).toHaveCount(1);
  await expect(results(page)).toContainText('100 ms');
  const [start = 0, end = 0] = range();
  expect(start).toBeLessThan(T0 + 1);
  expect(end - start).toBeLessThan(20);
  await expect(region.getByText(/^2023-11-14 22:13:.* to 2023-11-14 22:13:/)).toHaveCount(1);

  // Moved by keys until the other trace is there and this one is not; how far a step leads is part of the range.
  await heatmap(page).focus();
  await page.keyboard.press('d');
  await expect.poll(() => range()[0]).toBeGreaterThan(start);
  const step = (range()[0] ?? 0) - start;
  const steps = Math.round((T0 + 60 - (start + end) / 2) / step);
  for (let i = 1; i < steps; i++) await page.keyboard.press('d');
  await expect(results(page)).toContainText('300 ms');
  await expect(results(page)).toHaveCount(1);
  const moved = range()[0] ?? 0;
  await page.getByRole('button', { name: 'Earlier (a)' }).click();
  await expect.poll(() => range()[0]).toBeLessThan(moved);

  // All steps were one entry of the history.
  await page.goBack();
  await expect(page).not.toHaveURL(/around=/);
  await expect(results(page)).toHaveCount(2);

  // By keys alone: around the cell of the cursor, out again, and back to the whole.
  await heatmap(page).focus();
  await page.keyboard.press('ArrowRight');
  const width = (): number => (range()[1] ?? 0) - (range()[0] ?? 0);
  await expect(async () => {
    await page.keyboard.press('+');
    await expect.poll(width, { timeout: 2_000 }).toBeLessThan(30);
  }).toPass();
  await expect(results(page)).toHaveCount(1);
  await page.keyboard.press('-');
  await expect.poll(width).toBeGreaterThan(30);
  await page.keyboard.press('0');
  await expect(page).not.toHaveURL(/from=/);
  await expect(results(page)).toHaveCount(2);

  // The table has the same axis, and the same ways to change it.
  await page.getByRole('button', { name: 'As a table' }).click();
  await page.getByRole('button', { name: /^Zoom in/ }).click();
  await expect(page).toHaveURL(/around=/);
  await page.getByRole('button', { name: 'Reset' }).click();
  await expect(page).not.toHaveURL(/around=/);
});

test('zooming to where nothing is leaves the way back', async ({ page }) => {
  await open(page, '/explore?q=service%3Dcompared&tz=utc');
  await expect(results(page)).toHaveCount(2);
  await heatmap(page).focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Home');
  for (let i = 0; i < 6; i++) await page.keyboard.press('w');
  for (let i = 0; i < 4; i++) await page.keyboard.press('d');
  await expect(page.getByText('Nothing matches')).toBeVisible();
  await page.keyboard.press('0');
  await expect(results(page)).toHaveCount(2);
});

test('latency is a table as well, and spans are counted instead of traces', async ({ page }) => {
  await open(page, '/explore?q=service%3Dcompared');
  await page.getByRole('button', { name: 'As a table' }).click();
  const table = page.getByRole('region', { name: 'Latency as a table' });
  await expect(table).toContainText('100 ms');
  await page.getByRole('group', { name: 'Count' }).getByRole('button', { name: 'Spans' }).click();
  await expect(page).toHaveURL(/unit=spans/);
  await expect(page.getByRole('region', { name: 'Latency', exact: true })).toContainText(
    '9 spans in 2 traces',
  );
});
