// Traces that are not as they should be are shown as what they are: broken, cut, absent, or any tree at all.

import { skeletonOf } from '../mock/answers';
import { assemble } from '../mock/model';
import { toOtlp } from '../mock/otlp';
import { wild } from '../test/trees';
import { cursorRow, expect, expectCursor, fact, open, panel, rows, test } from './test';
import { BROKEN, CIRCLE, REPEATS } from './traces';

test('missing parents and odd times are shown as what they are', async ({ page }) => {
  await open(page, `/trace/${BROKEN}`);
  await expect(
    page.getByRole('main').getByRole('status').filter({ hasText: 'root' }),
  ).toContainText('The root span is missing. 2 spans name parents that are not here');
  await expect(rows(page)).toHaveCount(4);
  await expect(rows(page).filter({ hasText: 'ends before it starts' })).toContainText('−10.0 ms');
  await expect(rows(page).filter({ hasText: 'takes no time' })).toContainText('no duration');
  await expect(fact(page, 'Orphans')).toHaveText('2');
});

test('clocks that differ are told, and marked where it shows', async ({ page }) => {
  await open(page, `/trace/${REPEATS}`);
  const notice = page.getByRole('main').getByRole('status').filter({ hasText: 'clocks' });
  await expect(notice).toContainText(
    '1 span starts before the parent in another service, by up to 5.00 ms: the clocks of repeats-fonts and repeats-web differ.',
  );
  const row = rows(page).filter({ hasText: 'load' });
  await expect(row).toContainText('skew');
  await row.click();
  await expect(panel(page)).toContainText('It starts before its parent');
});

test('a circle of parents is cut, and said to be', async ({ page }) => {
  await open(page, `/trace/${CIRCLE}?span=bad0000000000021`);
  await expect(rows(page)).toHaveCount(2);
  await expectCursor(page, { level: 1 });
  await expect(panel(page)).toContainText('Its parents form a circle');
  await page.keyboard.press('j');
  await expect(panel(page)).toContainText('bad0000000000022');
  await expect(panel(page)).not.toContainText('Its parents form a circle');
});

test('a trace that was cut says how much of it is missing', async ({ page }) => {
  await page.route(`**/api/clew/v1/traces/${'ab'.repeat(16)}`, (route) => {
    const skeleton = skeletonOf(assemble(wild(3, 20)));
    const head = { ...skeleton.head, truncated_span_count: 480 };
    return route.fulfill({
      contentType: 'application/json',
      body: JSON.stringify({ ...skeleton, head }),
    });
  });
  await open(page, `/trace/${'ab'.repeat(16)}`);
  await expect(
    page.getByRole('main').getByRole('status').filter({ hasText: 'Only' }),
  ).toContainText('Only 20 spans are shown; 480 spans of this trace are left out.');
});

test.describe('a trace that is not there', () => {
  test.use({ allowedErrors: /Failed to load resource/ });

  test('says so', async ({ page }) => {
    await open(page, '/trace/00000000000000000000000000000def');
    await expect(page.getByRole('alert')).toContainText('not_found');
  });
});

test('any tree of spans is shown in every way without an error', async ({ page }) => {
  test.slow();
  const id = 'ab'.repeat(16);
  let seed = 0;
  await page.route(`**/api/clew/v1/traces/${id}`, (route) =>
    route.fulfill({
      contentType: 'application/json',
      body: JSON.stringify(skeletonOf(assemble(wild(seed, 4 + ((seed * 13) % 60))))),
    }),
  );
  await page.route(`**/api/clew/v1/traces/${id}/otlp`, (route) =>
    route.fulfill({
      contentType: 'application/json',
      body: JSON.stringify(toOtlp(wild(seed, 4 + ((seed * 13) % 60)))),
    }),
  );
  for (seed = 1; seed <= 8; seed++) {
    await open(page, `/trace/${id}?fold=${seed % 2}`);
    await expect(rows(page)).not.toHaveCount(0);
    for (const key of ['j', 'j', 'h', 'l', 'e', 'E', 'J', 'K', 'w', '.', '0', '{', '}', '[', ']'])
      await page.keyboard.press(key);
    await page.keyboard.press('End');
    await expect(cursorRow(page)).toBeInViewport();
    for (const [key, name] of [
      ['2', /^Flame graph/],
      ['3', /^Spans$/],
      ['4', /^Events$/],
      ['5', /^OTLP JSON$/],
    ] as const) {
      await page.keyboard.press(key);
      const shown = page.getByRole(key === '2' ? 'application' : 'grid', { name });
      await expect(shown).toBeVisible();
      for (const move of ['j', 'j', 'k', 'l', 'End', 'Home']) await page.keyboard.press(move);
    }
    await page.keyboard.press('1');
    await expect(rows(page)).not.toHaveCount(0);
  }
});
