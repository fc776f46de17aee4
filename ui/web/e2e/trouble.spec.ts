// Every page when the server fails or is slow: what went wrong, in its words; another try in place; the time so far, and a way out.

import type { Page } from '@playwright/test';

import { expect, open, results, rows, test } from './test';
import { FAST, SLOW, TRAINTICKET } from './traces';

test.use({ allowedErrors: /Failed to load resource/ });

interface Case {
  name: string;
  path: string;
  /** What is asked for, by its address. */
  asks: RegExp;
  /** Waits for what is there when all is well. */
  sign: (page: Page) => Promise<void>;
  /** What can be done after cancelling; absent where nothing is cancelled. */
  again?: string;
}

const RANGE = 'from=1674950000000000000&to=1675100000000000000&tz=utc';

const CASES: Case[] = [
  {
    name: 'Explore',
    path: '/explore',
    asks: /\/api\/clew\/v1\/search\?/,
    sign: (page) => expect(results(page)).not.toHaveCount(0),
    again: 'Run again',
  },
  {
    name: 'a trace',
    path: `/trace/${TRAINTICKET}`,
    asks: new RegExp(`/api/clew/v1/traces/${TRAINTICKET}$`),
    sign: (page) => expect(rows(page)).not.toHaveCount(0),
    again: 'Load again',
  },
  {
    name: 'a comparison',
    path: `/compare?a=${FAST}&b=${SLOW}`,
    asks: new RegExp(`/api/clew/v1/traces/${SLOW}$`),
    sign: (page) => expect(page.getByRole('treegrid')).toBeVisible(),
    again: 'Load again',
  },
  {
    name: 'services',
    path: `/services?${RANGE}`,
    asks: /\/api\/sql/,
    sign: (page) =>
      expect(
        page.getByRole('table', { name: 'Services' }).locator('tbody tr').first(),
      ).toBeVisible(),
    again: 'Ask again',
  },
  {
    name: 'a service',
    path: `/service/ts-order-service?${RANGE}`,
    asks: /\/api\/sql/,
    sign: (page) => expect(page.getByRole('region', { name: 'Rate' })).toBeVisible(),
    again: 'Ask again',
  },
  {
    name: 'the map',
    path: `/map?${RANGE}`,
    asks: /\/api\/dependencies\?/,
    sign: (page) =>
      expect(page.getByRole('region', { name: 'Drawing of the calls' })).toBeVisible(),
    again: 'Ask again',
  },
  {
    name: 'SQL',
    path: '/sql?q=SELECT+service_name,+name+FROM+spans+LIMIT+5',
    asks: /\/api\/sql/,
    sign: (page) => expect(page.getByRole('grid', { name: 'Result' })).toContainText(/\w/),
  },
  {
    name: 'status',
    path: '/status',
    asks: /\/api\/clew\/v1\/status/,
    sign: (page) => expect(page.getByRole('heading', { name: 'Storage' })).toBeVisible(),
  },
];

const FAILURE = {
  error: {
    code: 'limit',
    message: 'the answer needed more than its 256 MB',
    hint: 'shorten the range',
    position: null,
  },
};

for (const { name, path, asks, sign, again } of CASES) {
  test(`${name}: a failure is told, and a retry helps in place`, async ({ page }) => {
    let fails = true;
    await page.route(asks, (route) =>
      fails
        ? route.fulfill({
            status: 422,
            contentType: 'application/json',
            body: JSON.stringify(FAILURE),
          })
        : route.continue(),
    );
    await open(page, path);
    const alert = page
      .getByRole('alert')
      .filter({ hasText: /the answer needed/i })
      .first();
    await expect(alert).toContainText(/shorten the range/i);
    const address = page.url();
    fails = false;
    // Other panels of the page may have failed with it, each with a way of its own. One that was
    // just counted goes away by itself when its answer arrives, so no click may wait for it.
    const retries = page.getByRole('button', { name: /^(Retry|Try now)$/ });
    await expect(async () => {
      if ((await retries.count()) > 0) await retries.first().click({ timeout: 1_000 });
      await expect(retries).toHaveCount(0, { timeout: 1_000 });
    }).toPass();
    await sign(page);
    await expect(alert).toBeHidden();
    expect(page.url()).toBe(address);
  });

  if (again === undefined) continue;
  test(`${name}: a slow answer shows its time, can be cancelled and asked for again`, async ({
    page,
  }) => {
    let isSlow = true;
    await page.route(asks, (route) => (isSlow ? undefined : route.continue()));
    await open(page, path);
    await expect(
      page
        .getByRole('main')
        .getByText(/^[1-9]\d*\.\d s/)
        .first(),
    ).toBeVisible();
    await page.getByRole('main').getByRole('button', { name: 'Cancel' }).first().click();
    await expect(page.getByLabel('Coverage of the answer')).toContainText(/Cancelled|Not asking/);
    isSlow = false;
    await page.getByRole('main').getByRole('button', { name: again, exact: true }).first().click();
    await sign(page);
  });
}
