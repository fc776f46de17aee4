// How the server is.

import { AxeBuilder } from '@axe-core/playwright';

import { expect, open, test } from './test';

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test('what came in, what is stored, and no fault of accessibility', async ({ page }) => {
      await open(page, '/status');
      const doors = page.getByRole('table', { name: 'Spans by protocol' });
      const zipkin = doors.getByRole('row').filter({ hasText: 'Zipkin v2, JSON' });
      // The recorded file of SmartThings holds 1,041 reports; other runs may have sent it before.
      await expect(zipkin.getByRole('cell').nth(2)).toHaveText(/1,041/);
      await expect(doors.getByRole('row').filter({ hasText: 'HTTP, JSON' })).toHaveCount(1);
      await expect(page.getByRole('region', { name: 'Storage' })).toContainText('14 d 00 h');
      await expect(page.getByRole('region', { name: 'Requests' })).toContainText('Accepted');
      await expect(page.getByRole('region', { name: 'Server' })).toContainText('Version');
      await expect(page.getByRole('img', { name: /^Spans a second/ })).toBeVisible();
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(
        violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`),
      ).toEqual([]);
    });
  });
}

test.describe('a server that falls silent', () => {
  test.use({ allowedErrors: /503|Failed to load resource/ });

  test('is told, the figures before it stay, and it is asked again', async ({ page }) => {
    await open(page, '/status');
    await expect(page.getByRole('region', { name: 'Storage' })).toBeVisible();
    await page.route('**/api/clew/v1/status', (route) =>
      route.fulfill({
        status: 503,
        contentType: 'application/json',
        body: '{"error":{"code":"unavailable","message":"the disk is gone","hint":null,"position":null}}',
      }),
    );
    const alert = page.getByRole('alert');
    await expect(alert).toContainText('The disk is gone');
    await expect(page.getByRole('region', { name: 'Storage' })).toBeVisible();
    await page.unroute('**/api/clew/v1/status');
    await page.getByRole('button', { name: 'Retry' }).click();
    await expect(alert).toHaveCount(0);
  });
});

test('nothing is wider than a narrow screen', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 900 });
  await open(page, '/status');
  await expect(page.getByRole('region', { name: 'Storage' })).toBeVisible();
  await expect
    .poll(() => page.evaluate(() => document.documentElement.scrollWidth - innerWidth))
    .toBeLessThanOrEqual(0);
});
