// How the pages are served: behind a proxy that cuts a prefix off, and with files that are kept for ever.

import { expect, test } from '@playwright/test';

import { isMock, panel, results, rows, site } from './test';
import { startProxy } from './proxy';
import { REPEATS, TRAINTICKET } from './traces';

test.describe('under the prefix of a reverse proxy', () => {
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  test.beforeAll(async () => {
    proxy = await startProxy(site());
  });
  test.afterAll(() => proxy.stop());

  test('every page works from its own address, and none asks outside of it', async ({ page }) => {
    const wrong: string[] = [];
    page.on('pageerror', (error) => wrong.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') wrong.push(message.text());
    });
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${proxy.url}/`) && !/^(blob|data):/.test(url)) wrong.push(url);
    });
    const token = process.env['CLEW_TOKEN'];
    if (token)
      await page.addInitScript((text) => sessionStorage.setItem('clew.token', text), token);

    await page.goto(`${proxy.url}/trace/${TRAINTICKET}`);
    await expect(rows(page)).not.toHaveCount(0);
    await rows(page).nth(2).click();
    await expect(panel(page)).toContainText('service.name');
    await page.keyboard.press('f');
    await page.keyboard.type('k8s.node.name');
    await expect(page.getByRole('status', { name: 'Matches' })).toHaveText(/^\d+/);
    // From page to page, and each anew.
    await page.getByRole('link', { name: 'Clew, to Explore' }).click();
    await expect(page).toHaveURL(`${proxy.url}/explore`);
    await expect(results(page)).not.toHaveCount(0);
    await page.reload();
    await expect(results(page)).not.toHaveCount(0);
    const range = 'from=1699999990000000000&to=1700000120000000000';
    await page.goto(`${proxy.url}/service/compared?${range}`);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('compared');
    await page.goto(`${proxy.url}/map?view=list&${range}`);
    await expect(page.getByRole('main')).toContainText('repeats-web');
    await page.goto(`${proxy.url}/sql?q=SELECT+name+FROM+spans+LIMIT+5`);
    await expect(page.getByRole('grid', { name: 'Result' })).toHaveAttribute('aria-rowcount', '6');
    await page.goto(`${proxy.url}/compare?a=${REPEATS}&b=${TRAINTICKET}`);
    await expect(page.getByRole('treegrid')).toBeVisible();
    await page.goto(`${proxy.url}/status`);
    await expect(page.getByRole('table', { name: 'Spans by protocol' })).toBeVisible();
    // Links of other tools.
    await page.goto(`${proxy.url}/search?service=compared`);
    await expect(page).toHaveURL(/\/tools\/tracing\/explore\?/);
    await page.goto(`${proxy.url}/zipkin/traces/${REPEATS}`);
    await expect(page).toHaveURL(`${proxy.url}/trace/${REPEATS}`);
    await expect(rows(page)).not.toHaveCount(0);
    expect(wrong).toEqual([]);
  });
});

test('files are packed and kept for ever, the page is asked for each time', async ({ request }) => {
  test.skip(isMock(), 'the stand-in does not cache');
  const page = await request.get(`${site()}/explore`, { headers: { accept: 'text/html' } });
  expect(page.headers()['cache-control']).toBe('no-cache');
  const [, script = ''] = /src="\.\/(assets\/[^"]+\.js)"/.exec(await page.text()) ?? [];
  expect(script).not.toBe('');
  for (const encoding of ['br', 'gzip']) {
    // oxlint-disable-next-line no-await-in-loop -- two requests
    const file = await request.get(`${site()}/${script}`, {
      headers: { 'accept-encoding': encoding },
    });
    expect(file.headers()).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-encoding': encoding,
      'x-content-type-options': 'nosniff',
    });
  }
  const gone = await request.get(`${site()}/assets/gone.js`, { headers: { accept: 'text/html' } });
  expect(gone.status()).toBe(404);
});
