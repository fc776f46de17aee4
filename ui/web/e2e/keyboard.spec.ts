// Ten common tasks, done without a pointer. Nothing here clicks, hovers or focuses by script.

import type { Locator, Page } from '@playwright/test';

import { cursorRow, expect, grid, open, panel, params, results, rows, test as base } from './test';
import { FAST, REPEATS, SLOW, SMARTTHINGS, TRAINTICKET } from './traces';

/** A page whose pointer must not be used. */
const test = base.extend({
  page: async ({ page }, use) => {
    let pointed = 0;
    await page.exposeFunction('tellPointer', () => pointed++);
    await page.addInitScript(() => {
      const { tellPointer } = window as unknown as { tellPointer: () => void };
      window.addEventListener('pointerdown', () => tellPointer(), { capture: true });
    });
    await use(page);
    expect(pointed).toBe(0);
  },
});

/** Presses Tab, or Shift+Tab, until `target` has the focus: everything has to be reached this way. */
async function tabTo(page: Page, target: Locator, key = 'Tab'): Promise<void> {
  const isFocused = (): Promise<boolean> =>
    target.evaluate((element) => element === document.activeElement).catch(() => false);
  for (let presses = 0; presses < 120; presses++) {
    if (await isFocused()) return;
    await page.keyboard.press(key);
  }
  throw new Error('the focus never came there');
}

const button = (page: Page, name: string | RegExp): Locator => page.getByRole('button', { name });

test('1: search for a service’s traces and open the newest', async ({ page }) => {
  await open(page, '/services');
  await expect(page.getByRole('main')).toBeVisible();
  await page.keyboard.press('g');
  await page.keyboard.press('e');
  await expect(results(page)).not.toHaveCount(0);
  await page.keyboard.press('/');
  await page.keyboard.type('service=compared ');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/q=service%3Dcompared/);
  await expect(results(page).first()).toContainText('GET /compared');
  await tabTo(page, results(page).first().getByRole('link', { name: 'GET /compared' }));
  await page.keyboard.press('Enter');
  await expect(rows(page)).not.toHaveCount(0);
});

test('2: open a trace by a pasted id', async ({ page }) => {
  await open(page, '/map');
  await expect(page.getByRole('main')).toBeVisible();
  await tabTo(page, page.getByRole('textbox', { name: 'Trace id' }));
  await page.keyboard.type(`00-${TRAINTICKET}-0b0f3518c0a31981-01`);
  await page.keyboard.press('Enter');
  await expect(panel(page)).toBeVisible();
  expect(params(page)['span']).toBe('0b0f3518c0a31981');
});

test('3: find the error of a trace and read its message', async ({ page }) => {
  await open(page, `/trace/${REPEATS}`);
  await expect(rows(page)).not.toHaveCount(0);
  await page.keyboard.press('e');
  await page.keyboard.press('Enter');
  await expect(panel(page)).toContainText('deadlock');
  await page.keyboard.press('Escape');
  await expect(panel(page)).toHaveCount(0);
});

test('4: find a text in a trace and walk its matches', async ({ page }) => {
  await open(page, `/trace/${SMARTTHINGS}`);
  await expect(rows(page)).not.toHaveCount(0);
  await page.keyboard.press('f');
  await page.keyboard.type('client-select');
  const count = page.getByRole('status', { name: 'Matches' });
  await expect(count).toHaveText(/^\d+ matched$/);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.keyboard.press('f');
  await page.keyboard.type('client-select');
  await page.keyboard.press('Enter');
  await expect(count).toHaveText(/^\d+ of \d+ matched$/);
  await expect(cursorRow(page)).toBeInViewport();
});

test('5: walk the tree, close it and open it again', async ({ page }) => {
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  await tabTo(page, grid(page));
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowLeft');
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '1');
  await page.keyboard.press('ArrowRight');
  await expect(grid(page)).not.toHaveAttribute('aria-rowcount', '1');
  await page.keyboard.press('End');
  await expect(cursorRow(page)).toBeInViewport();
});

test('6: copy an attribute of a span', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page, `/trace/${TRAINTICKET}?span=0b0f3518c0a31981`);
  const copy = button(page, 'Copy the value of service.name').first();
  await expect(copy).toBeAttached();
  await tabTo(page, copy);
  await page.keyboard.press('Enter');
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toMatch(/^ts-/);
});

test('7: narrow a trace to a part of its time and show all of it again', async ({ page }) => {
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  const start = page.getByRole('slider', { name: 'Start of the shown range' });
  await tabTo(page, start);
  for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight');
  await expect(page).toHaveURL(/range=/);
  await page.keyboard.press('0');
  await expect(page).not.toHaveURL(/range=/);
});

test('8: compare two traces and walk what differs', async ({ page }) => {
  await open(page, `/trace/${FAST}`);
  await expect(rows(page)).not.toHaveCount(0);
  await page.keyboard.press('x');
  await expect(page).toHaveURL(/\/compare\?a=/);
  const other = page.getByRole('textbox', { name: 'Trace B' });
  await tabTo(page, other);
  await page.keyboard.type(SLOW);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('treegrid')).toBeVisible();
  await page.keyboard.press('n');
  await expect(page.getByRole('treegrid').locator('[aria-selected=true]')).toHaveCount(1);
});

test('9: ask in SQL and open a trace of the answer', async ({ page }) => {
  await open(page, '/sql');
  const statement = page.getByRole('textbox', { name: 'Statement' });
  await expect(statement).toBeVisible();
  await page.keyboard.press('/');
  await expect(statement).toBeFocused();
  await page.keyboard.press('ControlOrMeta+a');
  // At once, as a paste is: the editor would close quotes for whoever types them.
  await page.keyboard.insertText(
    "SELECT trace_id, name FROM spans WHERE service_name = 'repeats-mail' LIMIT 3",
  );
  await page.keyboard.press('ControlOrMeta+Enter');
  const table = page.getByRole('grid', { name: /Result/ });
  await expect(table).toBeVisible();
  await page.keyboard.press('Escape');
  await tabTo(page, table);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/trace\//);
});

test('10: change theme and time zone, and switch single-letter keys off', async ({ page }) => {
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  await page.keyboard.press('ControlOrMeta+k');
  await page.keyboard.type('dark theme');
  await page.keyboard.press('Enter');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.keyboard.press('z');
  await expect.poll(() => params(page)['tz']).toBe('utc');
  await page.keyboard.press('?');
  await tabTo(page, page.getByRole('checkbox', { name: 'Single-letter keys' }));
  await page.keyboard.press('Space');
  await page.keyboard.press('Escape');
  await page.keyboard.press('z');
  await page.keyboard.press('Home');
  await expect.poll(() => params(page)['tz']).toBe('utc');
});
