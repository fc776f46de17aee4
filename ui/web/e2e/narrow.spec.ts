// Pages where there is little width: nothing is cut off, and nothing is out of reach.

import type { Locator, Page } from '@playwright/test';

import { expect, grid, open, panel, rows, test } from './test';
import { REPEATS, TRAINTICKET } from './traces';

for (const width of [900, 360]) {
  test(`nothing is wider than a screen of ${width} px`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    for (const path of ['/explore', `/trace/${TRAINTICKET}`]) {
      await open(page, path);
      await expect(page.getByLabel('Coverage of the answer')).toContainText('Complete');
      await expect
        .poll(() => page.evaluate(() => document.documentElement.scrollWidth - innerWidth))
        .toBeLessThanOrEqual(0);
    }
    await expect(page.getByRole('textbox', { name: /^Find/ })).toBeInViewport({ ratio: 1 });
    for (const view of ['table', 'table&group=operation', 'events']) {
      await open(page, `/trace/${REPEATS}?view=${view}`);
      const list = page.getByRole('grid');
      await expect(list.getByRole('row').nth(1)).toBeVisible();
      await expect
        .poll(() => list.evaluate((element) => element.scrollWidth - element.clientWidth))
        .toBeLessThanOrEqual(0);
    }
  });
}

/** Waits until all of `box` lies within the window. */
async function expectInside(page: Page, box: Locator): Promise<void> {
  await expect(box).toBeVisible();
  await expect
    .poll(async () => {
      const at = await box.boundingBox();
      return at && at.x >= 0 && at.x + at.width <= (page.viewportSize()?.width ?? 0);
    })
    .toBe(true);
}

for (const width of [1600, 900, 360]) {
  test(`pop-ups lie within a screen of ${width} px`, async ({ page }) => {
    await page.setViewportSize({ width, height: 1000 });
    for (const path of ['/explore', '/service/ts-travel-service', '/map?from=now-1h']) {
      await open(page, path);
      await page.getByRole('button', { name: /^Time range/ }).click();
      await expectInside(page, page.getByRole('dialog', { name: 'Time range' }));
    }
    await page.getByRole('button', { name: /^Copy a link/ }).click();
    await expectInside(page, page.getByRole('dialog', { name: 'Copy link' }));
    await page.getByRole('button', { name: /^Time zone/ }).click();
    await expectInside(page, page.getByRole('dialog', { name: 'Time zone' }));
  });
}

test('below the tree, a span’s figures and its attributes are seen together', async ({ page }) => {
  await page.setViewportSize({ width: 900, height: 1000 });
  await open(page, `/trace/${TRAINTICKET}`);
  await expect(rows(page).first()).toBeVisible();
  await grid(page).focus();
  await page.keyboard.press('Enter');
  const within = (inner: Locator) => expect(inner).toBeInViewport({ ratio: 1 });
  await within(panel(page).getByText('Duration', { exact: true }));
  await within(panel(page).getByRole('tab', { name: /^Attributes/ }));
  await within(panel(page).getByRole('textbox', { name: 'Filter attributes' }));
  await within(panel(page).getByText('service.name', { exact: true }));
});

test('tables and examples of SQL are behind a button', async ({ page }) => {
  await open(page, '/sql');
  const side = page.getByRole('complementary', { name: 'Tables and statements' });
  const button = page.getByRole('button', { name: 'Tables' });
  await expect(side).toBeVisible();
  await expect(button).toBeHidden();
  await page.setViewportSize({ width: 900, height: 1000 });
  await expect(side).toBeHidden();
  await button.focus();
  await page.keyboard.press('Enter');
  await expect(side).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(side).toBeHidden();
  await expect(button).toBeFocused();
  await button.click();
  await side.getByRole('button', { name: 'Close (Esc)' }).click();
  await expect(side).toBeHidden();
  await button.click();
  await side.getByRole('tab', { name: 'Examples' }).click();
  await side.getByRole('tabpanel').getByRole('button').first().click();
  await expect(side).toBeHidden();
  await expect(page.getByLabel('Coverage of the answer')).toContainText('Complete');
});
