// Files that are opened in the browser, without the server.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { AxeBuilder } from '@axe-core/playwright';
import { decompress } from 'fzstd';
import type { Page } from '@playwright/test';

import { expect, open, results, site, test } from './test';
import { HOSTILE_TEXTS } from './traces';

const TESTDATA = join(import.meta.dirname, '../../../testdata');
const recorded = Buffer.from(
  decompress(readFileSync(join(TESTDATA, 'ui/trainticket-200.otlp.json.zst'))),
);
const jaeger = readFileSync(join(TESTDATA, 'jaeger/storage-fixtures/traces/example_trace.json'));
const span = (id: string, name: string, parentId?: string) => ({
  traceId: 'fee1deadfee1deadfee1deadfee1dead',
  id,
  parentId,
  name,
  timestamp: 1_700_000_000_000_000,
  duration: 1000,
  localEndpoint: { serviceName: HOSTILE_TEXTS.service },
  tags: { markup: HOSTILE_TEXTS.markup, nul: HOSTILE_TEXTS.nul },
});
const zipkin = Buffer.from(
  JSON.stringify([
    span('000000000000000a', HOSTILE_TEXTS.name),
    span('000000000000000b', HOSTILE_TEXTS.bidi, '000000000000000a'),
  ]),
);

const choose = (page: Page, ...files: { name: string; buffer: Buffer }[]) =>
  page
    .getByLabel('Files with traces')
    .setInputFiles(
      files.map(({ name, buffer }) => ({ name, buffer, mimeType: 'application/json' })),
    );
const spans = (page: Page) => page.getByRole('treegrid', { name: 'Spans' });

/** Fails the test when anything is asked of the server from now on. */
async function cutOff(page: Page): Promise<void> {
  await page.route('**/api/**', (route) => route.abort());
}

test('a file with one trace is shown at once, and the server is asked nothing', async ({
  page,
}) => {
  await open(page, '/explore?service=compared');
  await page.getByRole('link', { name: 'Open a file' }).click();
  await expect(page.getByRole('heading', { name: 'Open a file' })).toBeVisible();
  await cutOff(page);
  await choose(page, { name: 'trace.json', buffer: recorded });
  await expect(page).toHaveURL(/\/trace\/file-81e893fa78f935a20ca3fb5c69510fd7/);
  await expect(spans(page)).toBeVisible();
  await expect(page.locator('header dl')).toContainText('200');
  await spans(page).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('complementary', { name: 'Span' })).toContainText('http.route');
});

test('hostile content of a file is only text', async ({ page }) => {
  await open(page, '/file');
  await cutOff(page);
  await choose(page, { name: '<img src=x>.json', buffer: zipkin });
  await expect(spans(page)).toContainText(HOSTILE_TEXTS.name);
  await expect(spans(page)).toContainText('\\u{202e}');
  await spans(page).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('complementary', { name: 'Span' })).toContainText(
    HOSTILE_TEXTS.markup,
  );
  expect(await page.evaluate(() => '__owned' in window)).toBe(false);
});

test('several files are listed with what each held, and lead to their traces', async ({ page }) => {
  await open(page, '/file');
  await choose(
    page,
    { name: 'a.json', buffer: recorded },
    { name: 'b.json', buffer: zipkin },
    { name: 'c.json', buffer: Buffer.from('{"nothing":true}') },
  );
  await expect(page.getByRole('listitem').filter({ hasText: 'a.json' })).toContainText(
    'OTLP JSON, 200 spans',
  );
  await expect(page.getByRole('listitem').filter({ hasText: 'b.json' })).toContainText(
    'Zipkin JSON, 2 spans',
  );
  await expect(page.getByRole('alert')).toContainText('neither OTLP, Jaeger nor Zipkin');
  await expect(results(page)).toHaveCount(2);
  await results(page).nth(0).getByRole('checkbox').check();
  await results(page).nth(1).getByRole('checkbox').check();
  await page.getByRole('link', { name: 'Compare the two' }).click();
  await expect(page.getByRole('treegrid', { name: 'Aligned spans' })).toBeVisible();
  await page.goBack();
  await expect(results(page)).toHaveCount(2);
});

test('a file is dropped on any page', async ({ page }) => {
  await open(page, '/explore?service=compared');
  await expect(results(page)).toHaveCount(2);
  const data = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], 'jaeger.json'));
    return transfer;
  }, jaeger.toString());
  await page.dispatchEvent('main', 'drop', { dataTransfer: data });
  await expect(page).toHaveURL(/\/file$/);
  // The recorded span stands for itself, outside of Jaeger's envelope.
  await expect(page.getByRole('listitem').filter({ hasText: 'jaeger.json' })).toBeVisible();
});

test('a trace of a file that is closed says so', async ({ page }) => {
  await open(page, '/trace/file-81e893fa78f935a20ca3fb5c69510fd7');
  await expect(page.getByRole('alert')).toContainText('a file that is not open any more');
});

for (const theme of ['light', 'dark'] as const) {
  test(`no accessibility violation, ${theme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: theme });
    await page.goto(`${site()}/file`);
    await choose(page, { name: 'a.json', buffer: recorded }, { name: 'b.json', buffer: zipkin });
    await expect(results(page)).toHaveCount(2);
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  });
}
