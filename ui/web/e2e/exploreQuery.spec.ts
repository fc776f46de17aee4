// The query bar of Explore: typing, completion, errors, history, the range, and ids that are pasted.

import type { Locator, Page } from '@playwright/test';

import { expect, open, results, test } from './test';
import { SMARTTHINGS, TRAINTICKET } from './traces';

const query = (page: Page): Locator => page.getByRole('combobox', { name: 'Query' });

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
