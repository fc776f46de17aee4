// Explore where there is nothing to show, or not yet, or not all; and what stays from page to page.

import { expect, open, results, test } from './test';

const answer = (body: unknown, status = 200) => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(body),
});

const coverage = {
  complete: true,
  segments_total: 0,
  segments_read: 0,
  reasons: [],
  elapsed_ms: 0.4,
};

const noTraces = { traces: [], total: { value: 0, exact: true }, next_cursor: null, coverage };

test('no match says which condition removed everything', async ({ page }) => {
  await open(page, '/explore?q=service%3DcoreSrv+no.such.key%3Dx');
  await expect(page.getByText('No trace matches all 2 conditions')).toBeVisible();
  const culprit = page.getByRole('main').getByText('1 trace', { exact: true }).locator('..');
  await expect(culprit).toContainText('no.such.key');
  await culprit.getByRole('button', { name: 'Remove' }).click();
  await expect(page).not.toHaveURL(/no\.such/);
  await expect(results(page)).toHaveCount(1);
});

test('no match in a range tells of the nearest one, and leads there', async ({ page }) => {
  await open(
    page,
    '/explore?q=service%3Dcompared&from=2023-06-01T00:00:00Z&to=2023-06-02T00:00:00Z&tz=utc',
  );
  await expect(page.getByText('No trace matches this condition')).toBeVisible();
  const nearest = page.getByText(/^Nearest match after the range/).locator('..');
  await expect(nearest).toContainText('2023-11-14 22:13:20');
  await nearest.getByRole('button', { name: 'Go there' }).click();
  await expect(results(page)).toHaveCount(2);
});

test('the theme is kept', async ({ page }) => {
  await open(page, '/explore');
  await expect(results(page)).not.toHaveCount(0);
  const html = page.locator('html');
  await expect(html).not.toHaveAttribute('data-theme');
  await page.keyboard.press('\\');
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await page.reload();
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await page.getByRole('button', { name: /^Theme/ }).click();
  await expect(html).toHaveAttribute('data-theme', 'light');
});

test('an empty store waits for its first span and shows it by itself', async ({ page }) => {
  let spans = 0;
  await page.route('**/api/clew/v1/status', (route) =>
    route.fulfill(answer({ stored_spans: 0, hot_spans: spans })),
  );
  await page.route('**/api/clew/v1/search?*', (route) =>
    spans === 0 ? route.fulfill(answer(noTraces)) : route.continue(),
  );
  await open(page, '/explore');
  await expect(page.getByRole('heading', { name: 'Waiting for the first span' })).toBeVisible();
  await expect(page.getByText('OTEL_EXPORTER_OTLP_ENDPOINT')).toBeVisible();
  await page.getByRole('tab', { name: 'Environment' }).press('ArrowRight');
  await expect(page.getByText('otlp/clew:')).toBeVisible();
  spans = 5;
  await expect(results(page)).not.toHaveCount(0);
});

test.describe('when the server is in trouble', () => {
  test.use({ allowedErrors: /Failed to load resource/ });

  test('its error is shown with what to do, and retrying helps', async ({ page }) => {
    const error = {
      code: 'limit',
      message: 'The query needed more than its 256 MB',
      hint: 'Shorten the range.',
      position: null,
    };
    let fails = true;
    await page.route('**/api/clew/v1/search?*', (route) =>
      fails ? route.fulfill(answer({ error }, 422)) : route.continue(),
    );
    await open(page, '/explore');
    await expect(page.getByRole('alert')).toContainText('needed more than its 256 MB');
    await expect(page.getByRole('alert')).toContainText('Shorten the range.');
    fails = false;
    await page.getByRole('button', { name: 'Retry' }).click();
    await expect(results(page)).not.toHaveCount(0);
  });

  test('a wanted token is asked for and sent', async ({ page }) => {
    await page.route('**/api/clew/v1/**', (route) =>
      route.request().headers()['authorization'] === 'Bearer sesame'
        ? route.continue()
        : route.fulfill(
            answer(
              {
                error: { code: 'unauthenticated', message: 'no token', hint: null, position: null },
              },
              401,
            ),
          ),
    );
    await open(page, '/explore');
    await page.getByLabel('Token').fill('sesame');
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect(results(page)).not.toHaveCount(0);
  });

  test('without an answer it is tried again by itself', async ({ page }) => {
    let isDown = true;
    await page.route('**/api/clew/v1/search?*', (route) =>
      isDown ? route.abort('connectionrefused') : route.continue(),
    );
    await open(page, '/explore');
    await expect(page.getByRole('alert')).toContainText('Clew does not answer');
    isDown = false;
    // It is asked again every five seconds.
    await expect(results(page)).not.toHaveCount(0, { timeout: 30_000 });
  });
});

test('a slow search shows its time and can be cancelled', async ({ page }) => {
  let isSlow = true;
  await page.route('**/api/clew/v1/search?*', (route) => (isSlow ? undefined : route.continue()));
  await open(page, '/explore');
  await expect(page.getByText(/^[1-9]\d*\.\d s/)).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByRole('heading', { name: 'Cancelled' })).toBeVisible();
  isSlow = false;
  await page.getByRole('button', { name: 'Run again' }).click();
  await expect(results(page)).not.toHaveCount(0);
});

test('a partial answer is labelled', async ({ page }) => {
  await page.route(/\/api\/clew\/v1\/(?:search|heatmap)\?/, async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as {
      coverage: object;
      total: object;
      trace_total?: object;
    };
    Object.assign(body.coverage, {
      complete: false,
      reasons: ['the limit of 2 s was reached after 31 of 41 segments'],
    });
    Object.assign(body.total, { exact: false });
    Object.assign(body.trace_total ?? {}, { exact: false });
    await route.fulfill({ response, json: body });
  });
  await open(page, '/explore');
  await expect(
    page.getByText('the limit of 2 s was reached after 31 of 41 segments'),
  ).toBeVisible();
  await expect(page.getByLabel('Coverage of the answer')).toContainText('Partial');
  await expect(page.getByLabel('Coverage of the answer')).toContainText('at least');
});

test('an unknown address says so', async ({ page }) => {
  await open(page, '/nowhere');
  await expect(page.getByRole('heading', { name: 'There is no page here' })).toBeVisible();
  await page.getByRole('main').getByRole('link', { name: 'Explore' }).click();
  await expect(page).toHaveURL(/\/explore/);
});
