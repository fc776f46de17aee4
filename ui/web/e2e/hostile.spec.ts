// Names and values that try to be more than text, on every page that shows them.

import { readFileSync } from 'node:fs';

import type { Page } from '@playwright/test';

import { expect, isMock, open, panel, rows, site, test } from './test';
import { FAST, HOSTILE, HOSTILE_TEXTS } from './traces';

const RANGE = 'from=1699999990000000000&to=1700000120000000000';
const SERVICE = encodeURIComponent(HOSTILE_TEXTS.service);
const NAMES = `SELECT name, trace_id FROM spans WHERE service_name = '${HOSTILE_TEXTS.service}'`;

const PAGES: [name: string, path: string][] = [
  ['results', `/explore?service=${SERVICE}&${RANGE}`],
  ['waterfall', `/trace/${HOSTILE}`],
  ['table', `/trace/${HOSTILE}?view=table`],
  ['groups', `/trace/${HOSTILE}?view=table&group=operation`],
  ['flame graph', `/trace/${HOSTILE}?view=flame`],
  ['events', `/trace/${HOSTILE}?view=events`],
  ['comparison', `/compare?a=${HOSTILE}&b=${FAST}`],
  ['services', `/services?kind=all&${RANGE}`],
  ['one service', `/service/${SERVICE}?${RANGE}`],
  ['map', `/map?focus=${SERVICE}&${RANGE}`],
  ['SQL', `/sql?q=${encodeURIComponent(NAMES)}`],
];

/** Nothing ran, nothing was made of the text, nothing hides the direction of what is read. */
async function expectText(page: Page): Promise<void> {
  const made = await page.evaluate(() => ({
    ran: '__owned' in window,
    elements: document.querySelectorAll('img[src="x"], main b > b, script:not([src])').length,
    polluted: 'polluted' in {},
    controls: ['\u0000', '\u202e', '\u2066'].some((sign) => document.body.innerText.includes(sign)),
  }));
  expect(made).toEqual({ ran: false, elements: 0, polluted: false, controls: false });
}

for (const [name, path] of PAGES)
  test(`hostile text stays text: ${name}`, async ({ page }) => {
    await open(page, path);
    await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
    if (name !== 'flame graph' && name !== 'events')
      await expect(page.locator('body')).toContainText(/<b>shop<\/b>|<img src=x/);
    await expectText(page);
  });

test('a name of a megabyte and its control characters are cut and made visible', async ({
  page,
}) => {
  await open(page, `/trace/${HOSTILE}?span=bad0000000000002`);
  await expect(rows(page).nth(1)).toContainText('abc\\u{202e}fdp.exe');
  await expect(rows(page).nth(1)).toContainText('before\\u{0}after');
  await expect(panel(page).getByRole('heading', { level: 2 })).toContainText('yyy');
  const longest = await page.evaluate(
    () => document.querySelector('main')?.textContent.length ?? 0,
  );
  expect(longest).toBeLessThan(50_000);
  await expectText(page);
});

test('the address is no way in', async ({ page }) => {
  const markup = encodeURIComponent(HOSTILE_TEXTS.name);
  for (const path of [
    `/trace/${HOSTILE}?find=${markup}&span=${markup}&hide=${markup}&view=${markup}&range=${markup}`,
    `/explore?service=${markup}&from=${markup}`,
    `/compare?a=${markup}&b=${markup}`,
    `/service/${markup}`,
    `/${markup}`,
    '/trace/..%2f..%2fapi',
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- one page, one address after the other
    await page.goto(site() + path).catch(() => undefined);
    // oxlint-disable-next-line no-await-in-loop
    await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible();
    // oxlint-disable-next-line no-await-in-loop
    await expectText(page);
  }
});
test.use({ allowedErrors: /Failed to load resource/ });

test('the policy lets nothing in but the files of the pages', async ({ request }) => {
  const policies = await Promise.all(
    ['/explore', `/trace/${HOSTILE}`].map(async (path) => {
      const response = await request.get(site() + path, { headers: { accept: 'text/html' } });
      return response.headers()['content-security-policy'] ?? '';
    }),
  );
  for (const policy of policies) {
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/unsafe|data:|blob:|\*/);
  }
  // The stand-in sends the policy that the server has.
  const source = readFileSync(new URL('../../src/serve.rs', import.meta.url), 'utf8');
  const kept = /const POLICY: &str = "([^"]+)"/.exec(source)?.[1]?.replace(/\\\n/g, '');
  if (isMock()) expect(policies[0]).toBe(kept);
});
