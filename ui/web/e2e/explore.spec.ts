import { readFile } from 'node:fs/promises';

import type { Locator, Page } from '@playwright/test';

import { cursorRow, expect, grid, open, params, results, rows, test } from './test';
import { FAST, SMARTTHINGS, TRAINTICKET } from './traces';

const answer = (body: unknown, status = 200) => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(body),
});
const coverage = {
  complete: true,
  segments_total: 0,
  segments_read: 0,
  reasons: [],
  elapsed_ms: 0.4,
};
const noTraces = { traces: [], total: { value: 0, exact: true }, next_cursor: null, coverage };

const query = (page: Page): Locator => page.getByRole('combobox', { name: 'Query' });
const total = (page: Page): Locator =>
  page.getByRole('region', { name: 'Results' }).getByRole('status').first();
const heatmap = (page: Page): Locator =>
  page.getByRole('application', { name: /^Latency heatmap/ });

test('a service is chosen by typing, found traces open, and going back shows them again', async ({
  page,
}) => {
  await open(page, '/');
  await expect(page).toHaveURL(/\/explore$/);
  await expect(results(page)).not.toHaveCount(0);
  await page.keyboard.press('/');
  await expect(query(page)).toBeFocused();
  await page.keyboard.type('serv');
  await expect(page.getByRole('option', { name: /^service / })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(query(page)).toHaveValue('service=');
  await page.keyboard.type('coresr');
  await expect(page.getByRole('option', { name: /^coreSrv/ })).toBeVisible();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(query(page)).toHaveValue('service=coreSrv ');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/q=service%3DcoreSrv/);
  const row = results(page).filter({ hasText: 'get /login/tokenauth' });
  await expect(row).toHaveCount(1);
  await expect(row).toContainText('1,041');
  await expect(row).toContainText('5 m 06 s');
  await row.getByRole('link', { name: 'get /login/tokenauth' }).click();
  await expect(page).toHaveURL(new RegExp(`/trace/${SMARTTHINGS}`));
  await page.goBack();
  await expect(page).toHaveURL(/q=service%3DcoreSrv/);
  await expect(row).toHaveCount(1);
});

test('completion knows keys by frequency, operators and values of the data', async ({ page }) => {
  await open(page, '/explore?q=service%3Dts-order-service');
  await expect(results(page)).not.toHaveCount(0);
  await query(page).focus();
  await page.keyboard.type(' k8s.con');
  await expect(page.getByRole('option', { name: /^k8s\.container\.name/ })).toBeVisible();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('option', { name: /^server/ })).toBeVisible();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(query(page)).toHaveValue('service=ts-order-service k8s.container.name=server ');
  await page.keyboard.type('duration ');
  await expect(page.getByRole('option', { name: /^>= at least/ })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Backspace');
  await page.keyboard.type('>=1ms');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/duration%3E%3D1ms/);
  await expect(results(page)).not.toHaveCount(0);
  // While the bar rests its conditions are chips, each with a way out.
  await page.getByRole('heading', { name: 'Traces' }).click();
  await page.getByRole('button', { name: 'Remove duration>=1ms' }).click();
  await expect(page).not.toHaveURL(/duration/);
});

test('the range narrows the search, and its state is in the address', async ({ page }) => {
  await open(page, '/explore?q=service%3Dts-order-service');
  await expect(results(page)).not.toHaveCount(0);
  await page.getByRole('button', { name: /^Time range/ }).click();
  await page.getByRole('textbox', { name: 'From' }).fill('2023-01-29 00:00:00Z');
  await page.getByRole('textbox', { name: 'To' }).fill('2023-01-30 00:00:00Z');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page).toHaveURL(/from=1674950400000000000&to=1675036800000000000/);
  await expect(results(page)).not.toHaveCount(0);
  await page.goBack();
  await expect(page).not.toHaveURL(/from=/);
  await expect(page.getByRole('button', { name: 'Time range: All data' })).toBeVisible();
});

test('a query that is wrong says where and nothing is asked; the last results stay', async ({
  page,
}) => {
  await open(page, '/explore');
  const asked: string[] = [];
  page.on('request', (request) => {
    if (/\/(?:search|heatmap|facets)\?/.test(request.url())) asked.push(request.url());
  });
  await expect(results(page)).not.toHaveCount(0);
  await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
  const before = await results(page).count();
  asked.length = 0;
  await query(page).fill('error duration>250');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('“250” is no duration');
  await expect(page.getByRole('alert')).toContainText('duration>250ms');
  await expect(query(page)).toHaveAttribute('aria-invalid', 'true');
  await expect(results(page)).toHaveCount(before);
  expect(asked).toEqual([]);
  await page.keyboard.type('ms');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/duration%3E250ms/);
});

test('the queries before come back by the arrow', async ({ page }) => {
  await open(page, '/explore');
  await expect(results(page)).not.toHaveCount(0);
  for (const text of ['root', 'kind=server']) {
    await query(page).fill(text);
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(new RegExp(encodeURIComponent(text)));
  }
  await query(page).fill('');
  await page.keyboard.press('ArrowUp');
  await expect(query(page)).toHaveValue('kind=server');
  await page.keyboard.press('ArrowUp');
  await expect(query(page)).toHaveValue('root');
  await page.keyboard.press('ArrowDown');
  await expect(query(page)).toHaveValue('kind=server');
});

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

test('no match says which condition removed everything', async ({ page }) => {
  await open(page, '/explore?q=service%3DcoreSrv+no.such.key%3Dx');
  await expect(page.getByText('No trace matches all 2 conditions')).toBeVisible();
  const culprit = page.getByRole('main').getByText('1 trace', { exact: true }).locator('..');
  await expect(culprit).toContainText('no.such.key');
  await culprit.getByRole('button', { name: 'Remove' }).click();
  await expect(page).not.toHaveURL(/no\.such/);
  await expect(results(page)).toHaveCount(1);
});

test('no match in a range tells of the nearest one, and leads there', async ({ page }) => {
  await open(
    page,
    '/explore?q=service%3Dcompared&from=2023-06-01T00:00:00Z&to=2023-06-02T00:00:00Z&tz=utc',
  );
  await expect(page.getByText('No trace matches this condition')).toBeVisible();
  const nearest = page.getByText(/^Nearest match after the range/).locator('..');
  await expect(nearest).toContainText('2023-11-14 22:13:20');
  await nearest.getByRole('button', { name: 'Go there' }).click();
  await expect(results(page)).toHaveCount(2);
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

test('a pasted id, in whatever form, leads to its trace; nonsense is refused', async ({ page }) => {
  await open(page, '/explore');
  const field = page.getByRole('textbox', { name: 'Trace id' });
  await field.fill('not an id');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('Expected a trace id');
  for (const text of ['14B60FD9AE504820', `00-${TRAINTICKET}-00f067aa0ba902b7-01`]) {
    await field.fill(text);
    await field.press('Enter');
    await expect(page).toHaveURL(
      text.startsWith('00-')
        ? new RegExp(`/trace/${TRAINTICKET}\\?span=00f067aa0ba902b7`)
        : /\/trace\/14b60fd9ae504820/,
    );
  }
});

test('an id that is pasted into the query bar leads to its trace', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page, '/explore');
  await expect(results(page)).not.toHaveCount(0);
  await query(page).fill(SMARTTHINGS.toUpperCase());
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/trace/${SMARTTHINGS}`));
  await page.goBack();
  await expect(results(page)).not.toHaveCount(0);
  await page.evaluate(
    (text) => navigator.clipboard.writeText(text),
    `00-${TRAINTICKET}-00f067aa0ba902b7-01`,
  );
  await query(page).focus();
  await page.keyboard.press('Control+v');
  await expect(page).toHaveURL(new RegExp(`/trace/${TRAINTICKET}\\?span=00f067aa0ba902b7`));
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

test('the theme is kept', async ({ page }) => {
  await open(page, '/explore');
  await expect(results(page)).not.toHaveCount(0);
  const html = page.locator('html');
  await expect(html).not.toHaveAttribute('data-theme');
  await page.keyboard.press('\\');
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await page.reload();
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await page.getByRole('button', { name: /^Theme/ }).click();
  await expect(html).toHaveAttribute('data-theme', 'light');
});

test('an empty store waits for its first span and shows it by itself', async ({ page }) => {
  let spans = 0;
  await page.route('**/api/clew/v1/status', (route) =>
    route.fulfill(answer({ stored_spans: 0, hot_spans: spans })),
  );
  await page.route('**/api/clew/v1/search?*', (route) =>
    spans === 0 ? route.fulfill(answer(noTraces)) : route.continue(),
  );
  await open(page, '/explore');
  await expect(page.getByRole('heading', { name: 'Waiting for the first span' })).toBeVisible();
  await expect(page.getByText('OTEL_EXPORTER_OTLP_ENDPOINT')).toBeVisible();
  await page.getByRole('tab', { name: 'Environment' }).press('ArrowRight');
  await expect(page.getByText('otlp/clew:')).toBeVisible();
  spans = 5;
  await expect(results(page)).not.toHaveCount(0);
});

test.describe('when the server is in trouble', () => {
  test.use({ allowedErrors: /Failed to load resource/ });

  test('its error is shown with what to do, and retrying helps', async ({ page }) => {
    const error = {
      code: 'limit',
      message: 'The query needed more than its 256 MB',
      hint: 'Shorten the range.',
      position: null,
    };
    let fails = true;
    await page.route('**/api/clew/v1/search?*', (route) =>
      fails ? route.fulfill(answer({ error }, 422)) : route.continue(),
    );
    await open(page, '/explore');
    await expect(page.getByRole('alert')).toContainText('needed more than its 256 MB');
    await expect(page.getByRole('alert')).toContainText('Shorten the range.');
    fails = false;
    await page.getByRole('button', { name: 'Retry' }).click();
    await expect(results(page)).not.toHaveCount(0);
  });

  test('a wanted token is asked for and sent', async ({ page }) => {
    await page.route('**/api/clew/v1/**', (route) =>
      route.request().headers()['authorization'] === 'Bearer sesame'
        ? route.continue()
        : route.fulfill(
            answer(
              {
                error: { code: 'unauthenticated', message: 'no token', hint: null, position: null },
              },
              401,
            ),
          ),
    );
    await open(page, '/explore');
    await page.getByLabel('Token').fill('sesame');
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect(results(page)).not.toHaveCount(0);
  });

  test('without an answer it is tried again by itself', async ({ page }) => {
    let isDown = true;
    await page.route('**/api/clew/v1/search?*', (route) =>
      isDown ? route.abort('connectionrefused') : route.continue(),
    );
    await open(page, '/explore');
    await expect(page.getByRole('alert')).toContainText('Clew does not answer');
    isDown = false;
    // It is asked again every five seconds.
    await expect(results(page)).not.toHaveCount(0, { timeout: 30_000 });
  });
});

test('a slow search shows its time and can be cancelled', async ({ page }) => {
  let isSlow = true;
  await page.route('**/api/clew/v1/search?*', (route) => (isSlow ? undefined : route.continue()));
  await open(page, '/explore');
  await expect(page.getByText(/^[1-9]\d*\.\d s/)).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByRole('heading', { name: 'Cancelled' })).toBeVisible();
  isSlow = false;
  await page.getByRole('button', { name: 'Run again' }).click();
  await expect(results(page)).not.toHaveCount(0);
});

test('a partial answer is labelled', async ({ page }) => {
  await page.route(/\/api\/clew\/v1\/(?:search|heatmap)\?/, async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as {
      coverage: object;
      total: object;
      trace_total?: object;
    };
    Object.assign(body.coverage, {
      complete: false,
      reasons: ['the limit of 2 s was reached after 31 of 41 segments'],
    });
    Object.assign(body.total, { exact: false });
    Object.assign(body.trace_total ?? {}, { exact: false });
    await route.fulfill({ response, json: body });
  });
  await open(page, '/explore');
  await expect(
    page.getByText('the limit of 2 s was reached after 31 of 41 segments'),
  ).toBeVisible();
  await expect(page.getByLabel('Coverage of the answer')).toContainText('Partial');
  await expect(page.getByLabel('Coverage of the answer')).toContainText('at least');
});

test('an unknown address says so', async ({ page }) => {
  await open(page, '/nowhere');
  await expect(page.getByRole('heading', { name: 'There is no page here' })).toBeVisible();
  await page.getByRole('main').getByRole('link', { name: 'Explore' }).click();
  await expect(page).toHaveURL(/\/explore/);
});
