// The panel of a span: attributes, rank, links both ways, and what leads out of it.

import { cursorRow, expect, fact, grid, open, panel, params, results, rows, test } from './test';
import { CIRCLE, HOSTILE, HOSTILE_TEXTS, REPEATS, TRAINTICKET } from './traces';

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
  // A key pressed before the trace is there moves nothing.
  await expect(cursorRow(page)).toContainText('GET /orders');
  await page.keyboard.press('j');
  await panel(page).getByRole('tab', { name: /Links/ }).click();
  await panel(page).getByRole('button', { name: 'Look for links to this span' }).click();
  await expect(panel(page)).toContainText('No span links to this one');
});
