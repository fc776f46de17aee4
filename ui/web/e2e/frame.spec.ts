import { AxeBuilder } from '@axe-core/playwright';
import type { Locator, Page } from '@playwright/test';

import { expect, expectCursor, isMock, open, panel, results, rows, site, test } from './test';
import { BROKEN, HUGE, REPEATS, SMARTTHINGS, TRAINTICKET } from './traces';

/** Pages, and what is there when they are. */
const PAGES: [name: string, path: string, sign: (page: Page) => Locator][] = [
  ['results', '/explore', (page) => results(page).first()],
  [
    'results of a part of the time, latency as a table',
    '/explore?view=table&from=1699999990000000000&to=1700000120000000000&around=~~1540000000000000000~1710000000000000000',
    (page) => page.getByRole('region', { name: 'Latency as a table' }),
  ],
  [
    'a box on the heatmap',
    '/explore?q=service%3Dcompared&sel=,,1000000,',
    (page) => page.getByRole('group', { name: 'Box' }),
  ],
  ['a query that is wrong', '/explore?q=duration%3E250', (page) => page.getByRole('alert').first()],
  [
    'no match',
    '/explore?service=coreSrv&tags=no.such.key%3Dx',
    (page) => page.getByRole('button', { name: 'Remove' }).first(),
  ],
  ['a trace', `/trace/${TRAINTICKET}?find=SELECT`, (page) => rows(page).first()],
  [
    'a trace with its panel',
    `/trace/${TRAINTICKET}?span=0b0f3518c0a31981`,
    (page) => panel(page).getByText('service.name'),
  ],
  ['a broken trace', `/trace/${BROKEN}`, (page) => rows(page).first()],
  [
    'a trace without its idle time',
    `/trace/${SMARTTHINGS}?gaps=1&find=auth`,
    (page) => page.getByRole('button', { name: 'Cut idle time' }),
  ],
  [
    'a flame graph',
    `/trace/${REPEATS}?view=flame`,
    (page) => page.getByRole('application', { name: /^Flame graph/ }),
  ],
  [
    'a table',
    `/trace/${REPEATS}?view=table&span=bad0000000000101`,
    (page) => page.getByRole('gridcell', { name: 'render' }),
  ],
  [
    'groups',
    `/trace/${REPEATS}?view=table&group=operation`,
    (page) => page.getByRole('gridcell', { name: /render/ }),
  ],
  [
    'events',
    `/trace/${REPEATS}?view=events`,
    (page) => page.getByRole('gridcell', { name: 'cache miss' }),
  ],
  [
    'JSON',
    `/trace/${REPEATS}?view=json`,
    (page) => page.getByRole('gridcell', { name: /resourceSpans/ }),
  ],
  [
    'an unknown page',
    '/nowhere',
    (page) => page.getByRole('heading', { name: 'There is no page here' }),
  ],
];

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    for (const [name, path, sign] of PAGES) {
      test(`axe finds nothing: ${name}`, async ({ page }) => {
        test.slow();
        await open(page, path);
        await expect(sign(page)).toBeVisible();
        await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(
          violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`),
        ).toEqual([]);
      });
    }

    test('axe finds nothing: pop-ups', async ({ page }) => {
      test.slow();
      await open(page, '/explore?limit=3');
      await expect(results(page)).not.toHaveCount(0);
      const check = async (): Promise<void> => {
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(
          violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`),
        ).toEqual([]);
      };
      await page.getByRole('button', { name: /^Time range/ }).click();
      await expect(page.getByRole('button', { name: 'Apply' })).toBeVisible();
      await check();
      await page.keyboard.press('Escape');
      await page.getByRole('combobox', { name: 'Query' }).click();
      await expect(page.getByRole('option').first()).toBeVisible();
      await check();
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /^Keyboard help/ }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      await check();
    });
  });
}

test('the skip link leads to the page', async ({ page }) => {
  await open(page, '/explore');
  await expect(results(page)).not.toHaveCount(0);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main')).toBeFocused();
  await expect(page).toHaveURL(/\/explore/);
});

test('single-letter keys can be switched off', async ({ page }) => {
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  await page.keyboard.press('?');
  await page.getByRole('checkbox', { name: 'Single-letter keys' }).uncheck();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await page.keyboard.press('f');
  await page.keyboard.press('Home');
  await expectCursor(page, { level: 1 });
  await expect(page.getByRole('textbox', { name: /^Find/ })).not.toBeFocused();
});

test('a focused control keeps its ring', async ({ page }) => {
  await open(page, '/explore');
  await expect(results(page)).not.toHaveCount(0);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Clew, to Explore' })).toBeFocused();
  await expect
    .poll(() => page.evaluate(() => getComputedStyle(document.activeElement as Element).boxShadow))
    .not.toBe('none');
});

test('pages work under the prefix of a proxy, from any address', async ({ page }) => {
  test.skip(!isMock(), 'only the stand-in has an address with a prefix');
  await page.goto(`${site()}/prefix/trace/${TRAINTICKET}`);
  await expect(rows(page)).not.toHaveCount(0);
  await rows(page).nth(2).click();
  await expect(panel(page)).toContainText('service.name');
  await page.getByRole('link', { name: 'Clew, to Explore' }).click();
  await expect(page).toHaveURL(`${site()}/prefix/explore`);
  await expect(results(page)).not.toHaveCount(0);
  await page.reload();
  await expect(results(page)).not.toHaveCount(0);
});

test('100,000 spans: the last row is reached, and few rows are in the page', async ({ page }) => {
  test.skip(!isMock(), 'only the stand-in has this trace');
  await open(page, `/trace/${HUGE}`);
  await expect(page.getByRole('treegrid')).toHaveAttribute('aria-rowcount', '100000');
  await page.keyboard.press('End');
  await expect(page.locator('[role=row][aria-selected=true]')).toBeInViewport();
  expect(await rows(page).count()).toBeLessThan(60);
  await page.keyboard.press('{');
  await expect(page.getByRole('treegrid')).toHaveAttribute('aria-rowcount', '1');
});
