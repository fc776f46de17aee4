// The other ways to show a trace: table, flame graph, events, JSON, and files.

import type { Locator, Page } from '@playwright/test';

import { cursorRow, expect, open, panel, rows, test } from './test';
import { HOSTILE, REPEATS, TRAINTICKET } from './traces';

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

test.describe('the archive', () => {
  test.use({ allowedErrors: /Failed to load resource/ });

  test('takes a trace, and says so', async ({ page }) => {
    await open(page, `/trace/${TRAINTICKET}`);
    const asked = page.waitForRequest((request) => request.method() === 'POST');
    await page.getByRole('button', { name: /^Archive:/ }).click();
    expect(new URL((await asked).url()).pathname).toBe(`/api/archive/${TRAINTICKET}`);
    const done = page.getByRole('button', { name: /^Archived:/ });
    await expect(done).toBeVisible();
    // Once more is no fault.
    await done.click();
    await expect(done).toBeEnabled();
    await page.route('**/api/archive/*', (route) => route.fulfill({ status: 500, body: '' }));
    await done.click();
    await expect(page.getByRole('button', { name: /could not be archived/ })).toBeEnabled();
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
