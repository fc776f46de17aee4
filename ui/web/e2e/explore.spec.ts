import { expect, open, results, test } from './test';
import { SMARTTHINGS, TRAINTICKET } from './traces';

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

test('a service is chosen by typing, found traces open, and going back shows them again', async ({
  page,
}) => {
  await open(page, '/');
  await expect(page).toHaveURL(/\/explore$/);
  await expect(results(page)).not.toHaveCount(0);
  await page.keyboard.press('/');
  await expect(page.getByRole('combobox', { name: 'Service' })).toBeFocused();
  await page.keyboard.type('coresr');
  await expect(page.getByRole('option', { name: 'coreSrv' })).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/service=coreSrv/);
  const row = results(page).filter({ hasText: 'get /login/tokenauth' });
  await expect(row).toHaveCount(1);
  await expect(row).toContainText('1,041');
  await expect(row).toContainText('5 m 06 s');
  await row.getByRole('link', { name: 'get /login/tokenauth' }).click();
  await expect(page).toHaveURL(new RegExp(`/trace/${SMARTTHINGS}`));
  await page.goBack();
  await expect(page).toHaveURL(/service=coreSrv/);
  await expect(row).toHaveCount(1);
});

test('tags, durations and range narrow the search, and their state is in the address', async ({
  page,
}) => {
  await open(page, '/explore?service=ts-order-service');
  await page.getByRole('textbox', { name: 'Tags' }).fill('k8s.container.name=server');
  await page.getByRole('textbox', { name: 'Shortest duration' }).fill('1ms');
  await page.getByRole('button', { name: /^Run/ }).click();
  await expect(page).toHaveURL(/tags=k8s\.container\.name/);
  await expect(page).toHaveURL(/min=1ms/);
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

test('a field that is wrong says so and nothing is asked', async ({ page }) => {
  await open(page, '/explore');
  const asked: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/search?')) asked.push(request.url());
  });
  await expect(results(page)).not.toHaveCount(0);
  asked.length = 0;
  await page.getByRole('textbox', { name: 'Longest duration' }).fill('250');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toHaveText('Expected a unit after 250, such as 250ms');
  await expect(page.getByRole('textbox', { name: 'Longest duration' })).toHaveAttribute(
    'aria-invalid',
    'true',
  );
  expect(asked).toEqual([]);
});

test('no match says which condition removed everything', async ({ page }) => {
  await open(page, '/explore?service=coreSrv&tags=no.such.key%3Dx');
  await expect(page.getByText('No trace matches all 2 conditions')).toBeVisible();
  const culprit = page.getByText('no.such.key').locator('..').locator('..');
  await expect(culprit).toContainText('1 trace');
  await culprit.getByRole('button', { name: 'Remove' }).click();
  await expect(page).not.toHaveURL(/tags/);
  await expect(results(page)).toHaveCount(1);
});

test('pages lead on and back', async ({ page }) => {
  await open(page, '/explore?limit=1');
  await expect(page.getByText(/^1–1 of/)).toBeVisible();
  const shown = () => results(page).locator('[data-trace]').getAttribute('data-trace');
  const first = await shown();
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  await page.getByRole('button', { name: 'Next page' }).click();
  await expect(page).toHaveURL(/cursor=/);
  await expect(page.getByText(/^2–2 of/)).toBeVisible();
  await expect.poll(shown).not.toBe(first);
  await page.getByRole('button', { name: 'Previous page' }).click();
  await expect(page).not.toHaveURL(/cursor=/);
  await expect.poll(shown).toBe(first);
});

test('results are walked by keys', async ({ page }) => {
  await open(page, '/explore?service=coreSrv');
  await expect(results(page)).toHaveCount(1);
  await page.keyboard.press('j');
  await expect(results(page).getByRole('link').first()).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(SMARTTHINGS));
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

test('links of Jaeger are understood', async ({ page }) => {
  await open(
    page,
    '/search?service=coreSrv&lookback=2d&limit=5&tags=%7B%22a.b%22%3A%22c%20d%22%7D&minDuration=1ms',
  );
  await expect(page).toHaveURL(/\/explore\?/);
  await expect(page.getByRole('combobox', { name: 'Service' })).toHaveValue('coreSrv');
  await expect(page.getByRole('textbox', { name: 'Tags' })).toHaveValue('a.b="c d"');
  await expect(page.getByRole('textbox', { name: 'Shortest duration' })).toHaveValue('1ms');
  await expect(page).toHaveURL(/from=now-2d/);
  await open(page, `/trace/${TRAINTICKET}?uiFind=SELECT`);
  await expect(page).toHaveURL(/find=SELECT/);
});

test('times follow the chosen zone, here and on the next page', async ({ page }) => {
  await open(page, '/explore?service=coreSrv');
  await expect(results(page)).toContainText('11:45:24.565');
  await page.keyboard.press('z');
  await expect(page).toHaveURL(/tz=utc/);
  await expect(results(page)).toContainText('03:45:24.565');
  await page.getByRole('button', { name: /^Time zone/ }).click();
  await page.getByRole('combobox', { name: 'Time zone by name' }).fill('New_York');
  await page.keyboard.press('Enter');
  await expect(results(page)).toContainText('22:45:24.565');
  await results(page).getByRole('link').first().click();
  await expect(page.getByText('2018-11-29 22:45:24.565942 America/New_York')).toBeVisible();
  await expect(page).toHaveURL(/tz=America\/New_York/);
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
  await page.route('**/api/clew/v1/search?*', async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as { coverage: object; total: object };
    Object.assign(body.coverage, {
      complete: false,
      reasons: ['the limit of 2 s was reached after 31 of 41 segments'],
    });
    Object.assign(body.total, { exact: false });
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
