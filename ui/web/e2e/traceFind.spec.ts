// Find inside a trace: in names at once, in all that spans carry on the server.

import { cursorRow, expect, expectCursor, grid, open, rows, test } from './test';
import { REPEATS, SMARTTHINGS } from './traces';

/** Reports of {@link SMARTTHINGS} with `auth` and `client-select` in service and name, counted in its file. */
const AUTH_CLIENT_SELECT = 64;

test('find counts, marks and walks its matches', async ({ page }) => {
  await open(page, `/trace/${SMARTTHINGS}`);
  await expect(rows(page)).not.toHaveCount(0);
  await page.keyboard.press('f');
  await page.keyboard.type('auth client-select');
  const count = page.getByRole('status', { name: 'Matches' });
  const total = AUTH_CLIENT_SELECT;
  await expect(count).toHaveText(`${total} matched`);
  await page.keyboard.press('Enter');
  await expect(count).toHaveText(`1 of ${total} matched`);
  await expect(cursorRow(page)).toContainText('client-select');
  await page.keyboard.press('Shift+Enter');
  await expect(count).toHaveText(`${total} of ${total} matched`);
  await expect(cursorRow(page)).toBeInViewport();
  await expect(page).toHaveURL(/find=auth\+client-select/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await expect(grid(page)).toBeFocused();
  await open(page, `/trace/${SMARTTHINGS}?find=no+such+span`);
  await expect(count).toHaveText('none');
});

test('find looks through all that spans carry, by words and by queries', async ({ page }) => {
  await open(page, `/trace/${REPEATS}`);
  await expect(rows(page)).not.toHaveCount(0);
  const field = page.getByRole('textbox', { name: /^Find/ });
  const count = page.getByRole('status', { name: 'Matches' });
  const search = page.getByRole('search', { name: 'Find in trace' });
  // The message of a status: no name has it.
  await field.fill('DEADLOCK');
  await expect(count).toHaveText('1 matched');
  await page.keyboard.press('Enter');
  await expect(count).toHaveText('1 of 1 matched');
  await expectCursor(page, { level: 2, place: 6 });
  // An attribute of an event, by key and value.
  await field.fill('what orders.html');
  await expect(count).toHaveText('1 matched');
  await expect(search).not.toContainText('query');
  await field.fill('service=repeats-db');
  await expect(count).toHaveText('12 matched');
  await expect(search).toContainText('query');
  await page.getByRole('button', { name: 'Only matches' }).click();
  // The root keeps their place.
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '13');
  await expect(page).toHaveURL(/only=1/);
  await page.reload();
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '13');
  await page.getByRole('button', { name: 'Only matches' }).click();
  await expect(grid(page)).toHaveAttribute('aria-rowcount', '5');
  await field.fill('duration>1');
  await expect(page.getByText(/^Looked for as plain words, for it is no query/)).toBeVisible();
  await expect(count).toHaveText('none');
});

test.describe('a find that gets no answer', () => {
  test.use({ allowedErrors: /Failed to load resource/ });

  test('keeps what names have, says so, and can be tried again', async ({ page }) => {
    await page.route('**/find?*', (route) => route.abort());
    await open(page, `/trace/${REPEATS}?find=orders`);
    const field = page.getByRole('textbox', { name: /^Find/ });
    const count = page.getByRole('status', { name: 'Matches' });
    await expect(count).toHaveText('13 matched');
    await field.focus();
    await expect(page.getByText(/^Only services and names were looked through/)).toBeVisible();
    await page.unroute('**/find?*');
    await page.getByRole('button', { name: 'Retry' }).click();
    // The events of the rendering name them too.
    await expect(count).toHaveText('14 matched');
  });
});
