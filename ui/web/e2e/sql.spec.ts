// The SQL page: statements, completion, results, charts, errors, cancelling, files.

import { readFile } from 'node:fs/promises';

import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { expect, isMock, open, site, test } from './test';

const SPANS =
  'SELECT trace_id, span_id, service_name, name, start_time, duration_ns FROM spans ORDER BY duration_ns DESC LIMIT 500';
const COUNTS =
  'SELECT service_name, count(*) AS n FROM spans GROUP BY service_name ORDER BY n DESC';

const at = (statement: string, more = ''): string =>
  `/sql?q=${encodeURIComponent(statement)}${more}`;
const editor = (page: Page) => page.getByRole('textbox', { name: 'Statement' });
const grid = (page: Page) => page.getByRole('grid', { name: 'Result' });
const coverage = (page: Page) => page.getByLabel('Coverage of the answer');

async function write(page: Page, statement: string): Promise<void> {
  await editor(page).click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.insertText(statement);
}

test('a statement in the address is run, and its rows are all there but not all drawn', async ({
  page,
}) => {
  await open(page, at(SPANS));
  await expect(coverage(page)).toContainText('500 rows');
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '501');
  expect(await grid(page).getByRole('row').count()).toBeLessThan(120);
  await grid(page).focus();
  await page.keyboard.press('Control+End');
  await expect(grid(page).locator('[aria-rowindex="501"]')).toBeInViewport();
});

test('values are exact: ids as hex, times with nine digits, integers with all of theirs', async ({
  page,
}) => {
  await open(page, '/sql');
  await write(page, `${SPANS.replace(' LIMIT 500', '')} LIMIT 100000`);
  await page.keyboard.press('ControlOrMeta+Enter');
  await expect(coverage(page)).toContainText(/[\d,]+ rows/);
  const cells = grid(page).locator('[aria-rowindex="2"] [role=gridcell]');
  await expect(cells.nth(0)).toHaveText(/^[0-9a-f]{32}$/);
  await expect(cells.nth(1)).toHaveText(/^[0-9a-f]{16}$/);
  await expect(cells.nth(4)).toHaveText(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9}$/);
  await expect(cells.nth(5)).toHaveText(/^\d+$/);
});

test('the cell cursor moves by keys, shows the whole value, and Enter opens the trace', async ({
  page,
}) => {
  await open(page, at(SPANS));
  await grid(page).focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  const chosen = grid(page).locator('[aria-selected=true]');
  await expect(chosen).toHaveCount(1);
  // Cell and panel are drawn apart: they are compared until both show the last key.
  await expect
    .poll(async () => {
      const value = await chosen.textContent();
      const shown = await page.getByLabel('Chosen cell').textContent();
      return value !== null && value !== '' && (shown ?? '').includes(value);
    })
    .toBe(true);
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/trace\/[0-9a-f]{32}/);
  await expect(page.getByRole('treegrid', { name: 'Spans' })).toBeVisible();
  await page.goBack();
  await expect(coverage(page)).toContainText('500 rows');
});

test('completion knows tables and columns', async ({ page }) => {
  await open(page, '/sql');
  await expect(page.getByRole('complementary')).toContainText('service_name');
  await editor(page).click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('SELECT service_n');
  const option = page.getByRole('option', { name: /^service_name/ });
  await expect(option).toBeVisible();
  await expect(option).toHaveAttribute('aria-selected', 'true');
  await option.click();
  await expect(editor(page)).toContainText('SELECT service_name');
});

test.describe('wrong statements', () => {
  test.use({ allowedErrors: /400 \(Bad Request\)/ });

  test('the place of an error is underlined and can be gone to', async ({ page }) => {
    await open(page, at('SELECT service_name,\n  nonsense\nFROM spans'));
    await expect(page.getByRole('alert')).toContainText(/column 'nonsense' not found/i);
    await expect(page.locator('.cm-wrong')).toHaveText('nonsense');
    await page.getByRole('button', { name: 'Go to line 2, column 3' }).click();
    await expect(editor(page)).toBeFocused();
    await page.keyboard.type('x');
    await expect(page.locator('.cm-wrong')).toHaveCount(0);
  });

  test('writing is refused', async ({ page }) => {
    await open(page, at('DROP TABLE spans'));
    await expect(page.getByRole('alert')).toContainText('The statement could not be run');
  });
});

test('a chart is drawn by the types of the columns', async ({ page }) => {
  await open(page, at(COUNTS));
  await expect(grid(page)).toBeVisible();
  await page.getByRole('tab', { name: 'Chart' }).click();
  await expect(page).toHaveURL(/view=chart/);
  await expect(page.getByRole('figure')).toContainText('n by service_name');
  await expect(page.getByRole('rowheader').first()).toBeVisible();
  await page.goto(site() + at(SPANS, '&view=chart'));
  await expect(page.getByRole('figure')).toContainText('duration_ns over start_time');
  await expect(page.getByRole('img', { name: /duration_ns over start_time/ })).toBeVisible();
});

test('statements that were run are kept and run again', async ({ page }) => {
  await open(page, at(COUNTS));
  await expect(coverage(page)).toContainText('rows');
  await write(page, SPANS);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(coverage(page)).toContainText('500 rows');
  await page.getByRole('tab', { name: 'History' }).click();
  await page.getByRole('button', { name: /count\(\*\) AS n/ }).click();
  await expect(page).toHaveURL(/count/);
  await expect(editor(page)).toContainText('GROUP BY service_name');
  await page.goBack();
  await expect(editor(page)).toContainText('LIMIT 500');
  await page.reload();
  await page.getByRole('tab', { name: 'History' }).click();
  await expect(page.getByRole('tabpanel', { name: 'History' }).getByRole('listitem')).toHaveCount(
    2,
  );
});

test('a statement that takes long can be cancelled', async ({ page }) => {
  test.skip(!isMock(), 'only the stand-in has a statement that never ends');
  await open(page, at("SELECT 'sleep'"));
  await expect(page.getByRole('timer')).toContainText(/^[1-9]\.\d s$/);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByText(/^Cancelled after/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Run again' })).toBeVisible();
});

test('a result is saved as a file', async ({ page }) => {
  await open(page, at(COUNTS));
  await expect(grid(page)).toBeVisible();
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download' }).click();
  await expect(page.getByRole('menuitem', { name: /^CSV/ })).toBeFocused();
  await page.keyboard.press('Enter');
  const download = await saved;
  expect(download.suggestedFilename()).toBe('clew-result.csv');
  const stream = await download.createReadStream();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toMatch(/^service_name,n\r?\n/);
});

test('every form of file is asked of the server by its own name', async ({ page }) => {
  await open(page, at(COUNTS));
  await expect(grid(page)).toBeVisible();
  const FORMS = [
    ['JSON', 'application/json', 'clew-result.json'],
    ['NDJSON', 'application/x-ndjson', 'clew-result.ndjson'],
    ['Parquet', 'application/vnd.apache.parquet', 'clew-result.parquet'],
    ['Arrow', 'application/vnd.apache.arrow.stream', 'clew-result.arrows'],
  ] as const;
  for (const [name, accept, file] of FORMS) {
    const asked = page.waitForRequest((request) => request.url().endsWith('/api/sql'));
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    await page.getByRole('menuitem', { name: new RegExp(`^${name} `) }).click();
    expect((await asked).headers()['accept']).toBe(accept);
    const download = await saved;
    expect(download.suggestedFilename()).toBe(file);
    if (name === 'Parquet' && !isMock()) {
      const bytes = await readFile(await download.path());
      // The mark at both ends of a Parquet file.
      expect(bytes.subarray(0, 4).toString()).toBe('PAR1');
      expect(bytes.subarray(-4).toString()).toBe('PAR1');
    }
  }
});

test('saving can be cancelled', async ({ page }) => {
  await open(page, at(COUNTS));
  await expect(grid(page)).toBeVisible();
  await page.route('**/api/sql', () => undefined);
  await page.getByRole('button', { name: 'Download' }).click();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Cancel saving' }).press('Enter');
  await expect(page.getByRole('button', { name: 'Download' })).toBeEnabled();
  await expect(page.getByRole('alert')).toHaveCount(0);
});

test('ids of traces are links', async ({ page }) => {
  await open(page, at(SPANS));
  const link = grid(page).getByRole('link').first();
  const id = await link.textContent();
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  await link.click();
  await expect(page).toHaveURL(new RegExp(`/trace/${id}`));
});

for (const theme of ['light', 'dark'] as const) {
  test(`no accessibility violation, ${theme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: theme });
    await open(page, at(SPANS));
    await grid(page).focus();
    await page.keyboard.press('ArrowDown');
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    await page.goto(site() + at(COUNTS, '&view=chart'));
    await expect(page.getByRole('figure')).toBeVisible();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  });
}
