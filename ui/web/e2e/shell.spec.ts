// What stands around every page: the palette, links, contrast, motion.

import { AxeBuilder } from '@axe-core/playwright';

import { cursorRow, expect, open, params, results, rows, site, test } from './test';
import { FAST, REPEATS, SLOW, TRAINTICKET } from './traces';

const palette = 'Commands';

test('the palette leads anywhere by keys alone', async ({ page }) => {
  await open(page, '/explore');
  await expect(results(page)).not.toHaveCount(0);
  await page.keyboard.press('ControlOrMeta+k');
  const dialog = page.getByRole('dialog', { name: palette });
  const field = dialog.getByRole('combobox');
  await expect(field).toBeFocused();
  await page.keyboard.type('status');
  await expect(dialog.getByRole('option').first()).toContainText('Status');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/status/);
  await expect(dialog).toHaveCount(0);
  // A trace by its id, whatever else would match.
  await page.keyboard.press('ControlOrMeta+k');
  await page.keyboard.type(REPEATS);
  await page.keyboard.press('Enter');
  await expect(rows(page)).not.toHaveCount(0);
  // Commands of the page that is shown.
  await page.keyboard.press('ControlOrMeta+k');
  await page.keyboard.type('next error');
  await page.keyboard.press('Enter');
  await expect(cursorRow(page)).toContainText('SELECT orders');
  // A service.
  await page.keyboard.press('ControlOrMeta+k');
  await page.keyboard.type('repeats-mail');
  await expect(dialog.getByRole('option', { name: /repeats-mail/ })).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/service\/repeats-mail/);
  // Arrows go round; what is not there is said; Escape closes.
  await page.keyboard.press('ControlOrMeta+k');
  await page.keyboard.press('ArrowUp');
  await expect(dialog.getByRole('option').last()).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.type('no such thing');
  await expect(dialog.getByRole('status')).toHaveText('Nothing of this name');
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
});

for (const colorScheme of ['light', 'dark'] as const)
  test(`axe finds nothing in the palette: ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await open(page, `/trace/${REPEATS}`);
    await expect(rows(page)).not.toHaveCount(0);
    await page.getByRole('button', { name: /^Commands/ }).click();
    await expect(page.getByRole('option').first()).toBeVisible();
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(
      violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`),
    ).toEqual([]);
  });

test('a link is copied as it is, or with its range fixed', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await open(page, '/services?from=now-1h');
  await page.getByRole('button', { name: /^Copy a link/ }).click();
  await page.getByRole('button', { name: 'Range as it is now' }).click();
  await expect.poll(copied).toMatch(/\/services\?from=\d{19}&to=\d{19}/);
  const { searchParams } = new URL(await copied());
  const [from, to] = ['from', 'to'].map((name) => BigInt(searchParams.get(name) ?? 0));
  expect(Number((to as bigint) - (from as bigint))).toBe(3_600e9);
  await page.getByRole('button', { name: /^Copy a link/ }).click();
  await page.getByRole('button', { name: 'Range moves with the clock' }).click();
  await expect.poll(copied).toBe(`${site()}/services?from=now-1h`);
  // Without such a range there is nothing to choose.
  await open(page, `/trace/${TRAINTICKET}?view=table`);
  await expect(page.getByRole('grid', { name: 'Spans' })).toBeVisible();
  await page.keyboard.press('y');
  await expect.poll(copied).toBe(`${site()}/trace/${TRAINTICKET}?view=table`);
});

test('links of Jaeger’s UI lead to the same', async ({ page }) => {
  await open(page, '/search?service=ts-order-service&lookback=2d&minDuration=10ms&limit=20');
  await expect(page).toHaveURL(/\/explore\?/);
  await expect.poll(() => params(page)['from']).toBe('now-2d');
  await open(page, `/trace/${TRAINTICKET}?uiFind=0b0f3518c0a31981`);
  await expect(cursorRow(page)).toHaveCount(1);
  expect(params(page)['span']).toBe('0b0f3518c0a31981');
  await open(page, `/trace/${TRAINTICKET}?uiFind=preserve`);
  await expect(page.getByRole('textbox', { name: /^Find/ })).toHaveValue('preserve');
  await open(page, `/zipkin/traces/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  await open(page, `/trace/${FAST}...${SLOW}`);
  await expect(page.getByRole('treegrid')).toBeVisible();
  expect(params(page)).toMatchObject({ a: FAST, b: SLOW });
  await open(page, '/dependencies');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Map');
  await open(page, '/deep-dependencies?service=ts-order-service&showOp=1');
  await expect.poll(() => params(page)).toEqual({ focus: 'ts-order-service' });
  await open(page, '/monitor?service=ts-order-service');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('ts-order-service');
  await expect(page).toHaveURL(/\/service\/ts-order-service$/);
  await open(page, '/monitor');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^Services/);
});

test('more contrast is given where it is asked for', async ({ page }) => {
  await page.emulateMedia({ contrast: 'more', colorScheme: 'light' });
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  const colors = await page.evaluate(() => {
    const style = getComputedStyle(document.body);
    return [style.color, style.backgroundColor];
  });
  expect(colors).toEqual(['rgb(0, 0, 0)', 'rgb(255, 255, 255)']);
  const { violations } = await new AxeBuilder({ page }).withRules('color-contrast').analyze();
  expect(violations).toEqual([]);
});

test('colours of the system are used where they are forced', async ({ page }) => {
  await page.emulateMedia({ forcedColors: 'active' });
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  await page.keyboard.press('j');
  await expect(cursorRow(page)).toBeVisible();
  // The cursor is seen without its background, which such a mode takes away.
  const outline = await cursorRow(page).evaluate((row) => getComputedStyle(row).outlineStyle);
  expect(outline).not.toBe('none');
});

test('nothing moves where motion is not wanted', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  await page.keyboard.press('f');
  await page.keyboard.type('SELECT');
  const moving = await page.evaluate(() => document.getAnimations().length);
  expect(moving).toBe(0);
});
