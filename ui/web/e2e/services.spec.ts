// Services, one service, and the map.

import { AxeBuilder } from '@axe-core/playwright';

import { expect, open, params, site, test } from './test';

// The recorded and made-up traces of these tests start here, within two hours.
const RANGE = 'from=1674950000000000000&to=1675100000000000000&tz=utc';
const MADE_UP = 'from=1699999990000000000&to=1700000120000000000&tz=utc';

test('services have their figures, are found and sorted, and lead on', async ({ page }) => {
  await open(page, `/services?${RANGE}`);
  const rows = page.getByRole('table', { name: 'Services' }).locator('tbody tr');
  const travel = rows.filter({ hasText: 'ts-travel2-service' });
  await expect(travel).toHaveCount(1);
  await expect(travel.getByRole('cell').first()).toHaveText(/^[\d,]+$/);
  await page.keyboard.press('/');
  await expect(page.getByRole('textbox', { name: 'Find a service' })).toBeFocused();
  await page.keyboard.type('ts-seat');
  await expect(rows).toHaveCount(1);
  await expect.poll(() => params(page)['find']).toBe('ts-seat');
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('Delete');
  await page.getByRole('button', { name: 'Service', exact: true }).click();
  await expect.poll(() => params(page)['sort']).toBe('name');
  await expect(page.getByRole('columnheader', { name: 'Service' })).toHaveAttribute(
    'aria-sort',
    'ascending',
  );
  await page.getByRole('link', { name: 'ts-travel2-service', exact: true }).click();
  await expect(page).toHaveURL(/\/service\/ts-travel2-service\?/);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('ts-travel2-service');
  await page.goBack();
  await expect.poll(() => params(page)['sort']).toBe('name');
});

test('one service: counts are those of its spans, and everything leads to traces', async ({
  page,
}) => {
  await open(page, `/service/compared?${MADE_UP}`);
  // Two requests, and seven calls out of it.
  await expect(page.getByRole('region', { name: 'Errors' })).toContainText('0 of 2');
  const operations = page.getByRole('table', { name: 'Operations' }).locator('tbody tr');
  await expect(operations).toHaveCount(1);
  await expect(operations.first()).toContainText('GET /compared');
  await page.getByRole('button', { name: 'Calls out' }).click();
  await expect.poll(() => params(page)['kind']).toBe('client');
  await expect(page.getByRole('region', { name: 'Errors' })).toContainText('0 of 7');
  await expect(operations.filter({ hasText: 'SELECT orders' })).toContainText('2');
  const slowest = page.getByRole('table', { name: 'Spans to look at' }).locator('tbody tr');
  await expect(slowest.first()).toContainText(/SELECT orders.*200\sms/);
  await page.getByRole('button', { name: 'Newest errors' }).click();
  await expect(page.getByText('No span failed.')).toBeVisible();
  await operations.filter({ hasText: 'SELECT orders' }).getByRole('link').click();
  await expect(page).toHaveURL(/\/explore\?/);
  await expect
    .poll(() => params(page))
    .toMatchObject({
      q: 'service=compared name="SELECT orders"',
      from: '1699999990000000000',
    });
  await expect(page.getByRole('table', { name: 'Traces' }).locator('tbody tr')).toHaveCount(2);
});

test('a cell of the heatmap is chosen by keys and leads to its traces', async ({ page }) => {
  await open(page, `/service/compared?${MADE_UP}`);
  const heat = page.getByRole('button', { name: /^Durations over time of 2 spans/ });
  await heat.focus();
  await page.keyboard.press('ArrowRight');
  await expect(
    page.getByRole('button', { name: /^1 span, .* to .*, from 2023-11-14/ }),
  ).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/explore\?/);
  await expect(page.getByRole('table', { name: 'Traces' }).locator('tbody tr')).toHaveCount(1);
});

test('a range without spans says where the data is', async ({ page }) => {
  await open(page, '/services?from=1000000000000000000&to=1000000060000000000&tz=utc');
  await expect(page.getByText('No span started in this range')).toBeVisible();
  await page.getByRole('button', { name: 'All data' }).click();
  await expect.poll(() => params(page)['from']).toBe('all');
  await expect(
    page.getByRole('table', { name: 'Services' }).locator('tbody tr').first(),
  ).toBeVisible();
});

test('the map shows all, one with its surroundings, and the same as a list', async ({ page }) => {
  await open(page, `/map?${RANGE}&view=list`);
  const rows = page.getByRole('table', { name: 'Calls' }).locator('tbody tr');
  const edge = rows.filter({ hasText: /ts-travel2-service.*ts-seat-service/ });
  await expect(edge).toHaveCount(1);
  await expect(edge.getByRole('cell').nth(4)).toHaveText(/s$/);
  const all = await rows.count();
  await page.getByRole('combobox', { name: 'Service in the middle' }).fill('ts-seat-service');
  await page.keyboard.press('Enter');
  await expect.poll(() => params(page)['focus']).toBe('ts-seat-service');
  await expect.poll(() => rows.count()).toBeLessThan(all);
  await page.getByRole('heading', { name: 'Map' }).click();
  await page.keyboard.press('v');
  const drawing = page.getByRole('region', { name: 'Drawing of the calls' });
  await expect(drawing.getByRole('button', { pressed: true })).toHaveText('ts-seat-service');
  await drawing.getByRole('button', { name: 'ts-travel2-service', exact: true }).click();
  await expect.poll(() => params(page)['focus']).toBe('ts-travel2-service');
  await drawing.getByRole('link', { name: 'Figures of ts-travel2-service' }).click();
  await expect(page).toHaveURL(/\/service\/ts-travel2-service\?/);
});

test('a map that takes long shows its time, can be cancelled and asked for again', async ({
  page,
}) => {
  let isSlow = true;
  await page.route('**/api/dependencies?*', (route) => (isSlow ? undefined : route.continue()));
  await open(page, `/map?${RANGE}`);
  await expect(page.getByRole('timer', { name: 'Time so far' })).toBeVisible();
  await expect(page.getByLabel('Coverage of the answer')).toContainText('Asking');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByText('Cancelled.')).toBeVisible();
  isSlow = false;
  await page.getByRole('main').getByRole('button', { name: 'Ask again', exact: true }).click();
  await expect(page.getByRole('region', { name: 'Drawing of the calls' })).toBeVisible();
  await expect(page.getByLabel('Coverage of the answer')).toContainText('Complete');
});

for (const theme of ['light', 'dark'] as const) {
  test(`no accessibility violation, ${theme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: theme });
    for (const path of [
      `/services?${RANGE}`,
      `/service/ts-travel2-service?${RANGE}`,
      `/map?${RANGE}&focus=ts-travel2-service`,
      `/map?${RANGE}&view=list`,
    ]) {
      await page.goto(site() + path);
      await expect(page.getByLabel('Coverage of the answer')).toContainText('Complete');
      await expect(page.getByText('Counting calls…')).toHaveCount(0);
      expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    }
  });
}
