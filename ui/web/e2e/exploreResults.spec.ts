// The results of Explore: order, pages, keys, files, what opens from them, and their times.

import { readFile } from 'node:fs/promises';

import type { Locator, Page } from '@playwright/test';

import { cursorRow, expect, grid, open, results, rows, test } from './test';
import { FAST, SMARTTHINGS, TRAINTICKET } from './traces';

const query = (page: Page): Locator => page.getByRole('combobox', { name: 'Query' });

test('results are sorted by the server, and their columns can be hidden', async ({ page }) => {
  await open(page, '/explore?limit=3');
  await expect(results(page)).toHaveCount(3);
  await page.getByRole('button', { name: 'Duration', exact: true }).click();
  await expect(page).toHaveURL(/sort=longest/);
  await expect(page.getByRole('columnheader', { name: 'Duration' })).toHaveAttribute(
    'aria-sort',
    'descending',
  );
  await expect(results(page).first()).toContainText('5 m 06 s');
  await page.getByRole('button', { name: 'Duration', exact: true }).click();
  await expect(page).toHaveURL(/sort=shortest/);
  await expect(results(page).first()).not.toContainText('5 m 06 s');
  await page.getByRole('button', { name: /^Columns/ }).click();
  await page.getByRole('button', { name: 'Matched' }).click();
  await expect(page.getByRole('columnheader', { name: 'Matched' })).toHaveCount(0);
  await expect(page).toHaveURL(/hide=matched/);
});

test('a page of results is saved', async ({ page }) => {
  await open(page, '/explore?q=service%3Dcompared');
  await expect(results(page)).toHaveCount(2);
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: /^Download/ }).click();
  await page.getByRole('button', { name: 'CSV' }).click();
  const lines = await readFile(await (await saved).path(), 'utf8').then((text) =>
    text.trim().split('\r\n'),
  );
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^trace_id,start_time_unix_nano,/);
  expect(lines.map((line) => line.slice(0, 32))).toContain(FAST);
});

test('pages lead on and back', async ({ page }) => {
  await open(page, '/explore?limit=1');
  await expect(page.getByText(/^1–1 of/)).toBeVisible();
  const shown = () => results(page).locator('[data-trace]').getAttribute('data-trace');
  const first = await shown();
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  await page.getByRole('button', { name: 'Next page' }).click();
  await expect(page).toHaveURL(/cursor=/);
  await expect(page.getByText(/^2–2 of/)).toBeVisible();
  await expect.poll(shown).not.toBe(first);
  await page.getByRole('button', { name: 'Previous page' }).click();
  await expect(page).not.toHaveURL(/cursor=/);
  await expect.poll(shown).toBe(first);
});

test('results are walked by keys', async ({ page }) => {
  await open(page, '/explore?service=coreSrv');
  await expect(results(page)).toHaveCount(1);
  await expect(page.getByRole('button', { name: 'Remove service=coreSrv' })).toBeVisible();
  await page.keyboard.press('j');
  await expect(results(page).getByRole('link').first()).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(SMARTTHINGS));
});

test('a found trace opens with the spans that matched, which are walked and cleared by keys', async ({
  page,
}) => {
  const q = 'trace.spans>3 service=repeats-db';
  await open(page, `/explore?q=${encodeURIComponent(q)}`);
  await expect(results(page)).toHaveCount(1);
  await results(page).getByRole('link', { name: 'GET /orders' }).press('Enter');
  await expect(page).toHaveURL(/find=service%3Drepeats-db$/);
  const count = page.getByRole('status', { name: 'Matches' });
  await expect(count).toHaveText('12 matched');
  // Folded: the row of the run stands for them. The next match opens it.
  const matched = grid(page).locator('[data-match]');
  await expect(matched).toHaveCount(1);
  await expect(matched).toContainText('12 matched');
  await page.keyboard.press('n');
  await page.keyboard.press('n');
  await page.keyboard.press('n');
  await expect(count).toHaveText('3 of 12 matched');
  await expect(matched).toHaveCount(12);
  await expect(cursorRow(page)).toHaveAttribute('data-match', /./);
  await page.keyboard.press('N');
  await expect(count).toHaveText('2 of 12 matched');
  await page.reload();
  await expect(count).toHaveText(/12 matched$/);
  await page.keyboard.press('f');
  await page.keyboard.press('Escape');
  await expect(count).toHaveText('');
  await expect(page).not.toHaveURL(/find=/);
  await expect(matched).toHaveCount(0);
  await open(page, '/explore?q=trace.root.service%3Drepeats-web');
  await results(page).getByRole('link', { name: 'GET /orders' }).click();
  await expect(rows(page)).not.toHaveCount(0);
  await expect(page).not.toHaveURL(/find=/);
});

test('links of Jaeger are understood', async ({ page }) => {
  await open(
    page,
    '/search?service=coreSrv&lookback=2d&limit=5&tags=%7B%22a.b%22%3A%22c%20d%22%7D&minDuration=1ms',
  );
  await expect(page).toHaveURL(/\/explore\?/);
  await expect(query(page)).toHaveValue('service=coreSrv a.b="c d" duration>=1ms');
  await expect(page).toHaveURL(/from=now-2d/);
  await open(page, `/trace/${TRAINTICKET}?uiFind=SELECT`);
  await expect(page).toHaveURL(/find=SELECT/);
});

test('times follow the chosen zone, here and on the next page', async ({ page }) => {
  await open(page, '/explore?service=coreSrv');
  await expect(results(page)).toContainText('11:45:24.565');
  await page.keyboard.press('z');
  await expect(page).toHaveURL(/tz=utc/);
  await expect(results(page)).toContainText('03:45:24.565');
  await page.getByRole('button', { name: /^Time zone/ }).click();
  await page.getByRole('combobox', { name: 'Time zone by name' }).fill('New_York');
  await page.keyboard.press('Enter');
  await expect(results(page)).toContainText('22:45:24.565');
  await results(page).getByRole('link').first().click();
  await expect(page.getByText('2018-11-29 22:45:24.565942 America/New_York')).toBeVisible();
  await expect(page).toHaveURL(/tz=America\/New_York/);
});
