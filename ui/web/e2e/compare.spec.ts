// Two traces laid on each other.

import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { expect, isMock, open, params, results, site, test } from './test';
import { FAST, HUGE, SLOW } from './traces';

const BOTH = `/compare?a=${FAST}&b=${SLOW}`;
const tree = (page: Page) => page.getByRole('treegrid', { name: 'Aligned spans' });
const rows = (page: Page) => tree(page).getByRole('row');
const cursor = (page: Page) => tree(page).locator('[aria-selected=true]');
const side = (page: Page) => page.getByRole('complementary', { name: 'Differences' });

test('two traces are marked in the results and compared', async ({ page }) => {
  await open(page, '/explore?service=compared');
  await expect(results(page)).toHaveCount(2);
  // Newest first: the slow one stands above.
  await results(page).nth(1).getByRole('checkbox').check();
  await expect(page.getByText('Mark another trace to compare')).toBeVisible();
  await results(page).nth(0).getByRole('checkbox').check();
  await expect.poll(() => params(page)['pick']).toBe(`${FAST},${SLOW}`);
  await page.getByRole('link', { name: 'Compare', exact: true }).click();
  await expect(page).toHaveURL(new RegExp(`/compare\\?a=${FAST}&b=${SLOW}`));
  await expect(page.getByLabel('The two traces')).toContainText('+200 ms');
  await page.goBack();
  await expect(results(page).nth(0).getByRole('checkbox')).toBeChecked();
});

test('what differs is told by pair, ranked, and missing spans are named', async ({ page }) => {
  await open(page, BOTH);
  await expect(page.getByLabel('The two traces')).toContainText('3.0× slower, 1 more span');
  await expect(rows(page)).toHaveText([
    /GET \/compared.*100\sms.*300\sms.*\+200\sms/,
    /authorize.*2 alike/,
    /SELECT orders.*10\.0\sms.*200\sms.*\+190\sms/,
    /retry.*only in B.*none.*40\.0\sms.*\+40\.0\sms/,
  ]);
  const list = side(page).getByRole('list').first();
  await expect(list.getByRole('listitem').nth(0)).toContainText('SELECT orders');
  await expect(list.getByRole('listitem').nth(0)).toContainText('+190 ms');
  await expect(side(page)).toContainText('Only in B');
  await expect(page.getByLabel('Coverage of the answer')).toContainText(
    '4 spans aligned, 0 only in A, 1 only in B',
  );
});

test('everything can be done by keys: next difference, open and close a fold, swap', async ({
  page,
}) => {
  await open(page, BOTH);
  await expect(rows(page)).toHaveCount(4);
  await page.keyboard.press('n');
  await expect(cursor(page)).toContainText('GET /compared');
  await page.keyboard.press('n');
  await expect(cursor(page)).toContainText('SELECT orders');
  await page.keyboard.press('N');
  await page.keyboard.press('j');
  await expect(cursor(page)).toContainText('2 alike');
  await page.keyboard.press('l');
  await expect(rows(page)).toHaveCount(5);
  await page.keyboard.press('j');
  await expect(cursor(page)).toContainText('load cart');
  await page.keyboard.press('x');
  await expect.poll(() => params(page)).toMatchObject({ a: SLOW, b: FAST });
  await expect(page.getByLabel('The two traces')).toContainText('−200 ms');
  await page.goBack();
  await expect.poll(() => params(page)).toMatchObject({ a: FAST, b: SLOW });
});

test('the chosen pair shows the attributes that differ, and is in the address', async ({
  page,
}) => {
  await open(page, BOTH);
  await side(page)
    .getByRole('button', { name: /SELECT orders/ })
    .click();
  const pair = page.getByRole('region', { name: 'Chosen spans' });
  await expect(pair).toContainText('db.plan');
  await expect(pair).toContainText('Aindex');
  await expect(pair).toContainText('Bscan');
  await expect.poll(() => params(page)['row']).toBe('3');
  await page.reload();
  await expect(cursor(page)).toContainText('SELECT orders');
  await expect(pair).toContainText('db.plan');
});

test('folding and aligning are switched and kept in the address', async ({ page }) => {
  await open(page, BOTH);
  await page.getByRole('button', { name: 'Fold alike' }).click();
  await expect(rows(page)).toHaveCount(5);
  await page.getByRole('button', { name: 'Each parent' }).click();
  await expect.poll(() => params(page)).toMatchObject({ fold: 'no', align: 'parent' });
  await page.reload();
  await expect(rows(page)).toHaveCount(5);
});

test.describe('without both traces', () => {
  test.use({ allowedErrors: /404 \(Not Found\)/ });

  test('ids are asked for, and a trace that is not there is said so', async ({ page }) => {
    await open(page, `/compare?a=${FAST}`);
    await page.getByRole('textbox', { name: 'Trace B' }).fill('nonsense!');
    await page.getByRole('button', { name: 'Compare' }).click();
    await expect(page.getByRole('alert')).toContainText('Expected a trace id');
    await page.getByRole('textbox', { name: 'Trace B' }).fill('0'.repeat(31) + '9');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('alert')).toContainText('Trace B could not be loaded');
  });
});

test('a trace of 100,000 spans is compared with itself', async ({ page }) => {
  test.skip(!isMock(), 'only the stand-in has this trace');
  await open(page, `/compare?a=${HUGE}&b=${HUGE}&fold=no`);
  await expect(tree(page)).toHaveAttribute('aria-rowcount', '100000');
  expect(await rows(page).count()).toBeLessThan(80);
  await page.keyboard.press('End');
  await expect(cursor(page)).toBeInViewport();
});

for (const theme of ['light', 'dark'] as const) {
  test(`no accessibility violation, ${theme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: theme });
    await open(page, `${BOTH}&row=3`);
    await expect(page.getByRole('region', { name: 'Chosen spans' })).toContainText('db.plan');
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    await page.goto(`${site()}/compare`);
    await expect(page.getByRole('heading', { name: 'Compare two traces' })).toBeVisible();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    await page.goto(`${site()}/explore?service=compared&pick=${FAST},${SLOW}`);
    await expect(results(page)).toHaveCount(2);
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  });
}
