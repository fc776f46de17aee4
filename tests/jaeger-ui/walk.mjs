// Walks through the pages of a built Jaeger UI whose server is a Clew, and checks what they show against what was sent.
//
//   node walk.mjs DIST SCREENSHOTS    with CLEW_URL, CLEW_OTLP_URL and CLEW_ZIPKIN_URL of an empty Clew
//
// Each step begins at an address and ends with a screenshot. No step may leave an error in the browser's console or get an answer
// that it did not expect. CLEW_CHROMIUM is the browser, /usr/bin/chromium unless set.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { serve } from './serve.mjs';
import {
  PAGER,
  PAGER_COUNT,
  STORE,
  pagerId,
  send,
  servicesOf,
  spansOf,
  testdata,
  traces,
} from './traces.mjs';

const WEB = new URL('../../ui/web/package.json', import.meta.url);
const { chromium, expect: expectNow } = createRequire(WEB)('@playwright/test');
const expect = expectNow.configure({ timeout: 30_000 });

const [dist, screenshots] = process.argv.slice(2);
const {
  CLEW_URL,
  CLEW_OTLP_URL,
  CLEW_ZIPKIN_URL,
  CLEW_CHROMIUM = '/usr/bin/chromium',
} = process.env;
assert(
  dist && screenshots && CLEW_URL && CLEW_OTLP_URL && CLEW_ZIPKIN_URL,
  'see the head of this file',
);
mkdirSync(screenshots, { recursive: true });

const sent = traces(Date.now());
await send(sent, CLEW_OTLP_URL, CLEW_ZIPKIN_URL);
const trainSpans = spansOf(sent.train.otlp);
const trainServices = servicesOf(trainSpans);
const services = [...sent.smartThings.services, ...trainServices, PAGER, STORE].sort();

const ui = await serve(dist, CLEW_URL);
const browser = await chromium.launch({
  executablePath: CLEW_CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu'],
});
const context = await browser.newContext({
  viewport: { width: 1600, height: 1000 },
  locale: 'en-US',
});
const page = await context.newPage();

/** Answers with an error that the step at hand is about, as `status path`. */
let expected = [];
const unexpected = [];
page.on('response', (answer) => {
  const said = `${answer.status()} ${new URL(answer.url()).pathname}`;
  if (answer.status() >= 400 && !expected.includes(said)) unexpected.push(said);
});
page.on('pageerror', (error) => unexpected.push(String(error)));
page.on('console', (message) => {
  // The browser itself reports every failed request; those are looked at above.
  if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
    unexpected.push(message.text());
});

let number = 0;
async function step(name, path, look, errors = []) {
  number += 1;
  expected = errors;
  try {
    if (path !== null) await page.goto(ui.url + path);
    await look();
  } catch (error) {
    await page.screenshot({ path: join(screenshots, 'failed.png') });
    console.error(
      `not ok: ${name}, see ${join(screenshots, 'failed.png')}; also: ${unexpected.join('; ') || 'nothing'}`,
    );
    throw error;
  }
  const file = `${String(number).padStart(2, '0')}-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.png`;
  await page.screenshot({ path: join(screenshots, file) });
  assert.deepEqual(unexpected.splice(0), [], name);
  console.log(`ok: ${name}`);
}

const choose = async (field, value) => {
  const select = page.getByTestId(field);
  await select.click();
  await page.keyboard.type(value);
  await page.keyboard.press('Enter');
  await expect(select).toContainText(value);
};
const find = () => page.locator('[data-test=submit-btn]').click();
const found = (count) =>
  expect(page.locator('.SearchResults--resultCount')).toHaveText(
    `${count} Trace${count > 1 ? 's' : ''}`,
  );
const rows = () => page.locator('tr.ant-table-row, li:has(.ResultItem)');
/** Ids of the traces that are shown, in their order. */
const idsShown = () =>
  page
    .locator('.SearchResults a[href*="/trace/"]')
    .evaluateAll((links) => [...new Set(links.map((link) => link.pathname.split('/').pop()))]);
const searchOf = (parameters) => {
  const now = Date.now() * 1000;
  const all = { start: now - 3_600_000_000, end: now, limit: 20, lookback: '1h', ...parameters };
  return `/search?${new URLSearchParams(all)}`;
};
const overview = (label) =>
  page.locator('.TracePageHeader--overviewItems li', { hasText: label }).locator('strong');
const spanRows = () => page.locator('.span-row');
const matches = (count) =>
  expect(page.locator('.TracePageSearchBar')).toContainText(new RegExp(`\\b${count}\\b`));

try {
  await step('The form lists services', '/search', async () => {
    await expect(page.getByText(`Service (${services.length})`)).toBeVisible();
    await choose('service', PAGER);
    await expect(page.getByText('Operation (2)')).toBeVisible();
  });

  await step('A search finds the newest up to the limit', null, async () => {
    await find();
    await found(20);
    const newest = Array.from({ length: 20 }, (_, index) => pagerId(PAGER_COUNT - index));
    assert.deepEqual(await idsShown(), newest);
  });

  await step('Operation, tags and durations narrow it', null, async () => {
    await choose('operation', 'GET /page/even');
    await page.locator('input[name=tags]').fill('page.number=12 page.title="page \\"12\\" = 12"');
    await page.locator('input[name=minDuration]').fill('12ms');
    await page.locator('input[name=maxDuration]').fill('0.012s');
    await find();
    await found(1);
    assert.deepEqual(await idsShown(), [pagerId(12)]);
  });

  await step(
    'A search for errors',
    searchOf({ service: PAGER, tags: '{"error":"true"}' }),
    async () => {
      await found(PAGER_COUNT / 3);
      const third = Array.from({ length: PAGER_COUNT / 3 }, (_, index) =>
        pagerId(PAGER_COUNT - 3 * index),
      );
      assert.deepEqual(await idsShown(), third);
    },
  );

  await step(
    'A search that finds nothing',
    searchOf({ service: PAGER, tags: `{"page.number":"${PAGER_COUNT + 1}"}` }),
    () => expect(page.getByText('No trace results. Try another query.')).toBeVisible(),
  );

  await step(
    'A service with signs in its name',
    searchOf({ service: STORE, limit: 1500 }),
    async () => {
      await found(PAGER_COUNT);
      await expect(page.getByTestId('service')).toContainText(STORE);
      await expect(page.getByText('Operation (1)')).toBeVisible();
    },
  );

  const rootService = sent.smartThings.root.localEndpoint.serviceName;
  await step(
    'A result tells spans, services and errors',
    searchOf({ service: rootService }),
    async () => {
      await found(1);
      await page.getByText('List', { exact: true }).click();
      await expect(rows().first()).toContainText('1041 Spans');
      await expect(rows().first()).toContainText('2 Errors');
      await expect(page.locator('.ResultItemTitle--title, .ResultItem').first()).toContainText(
        rootService,
      );
    },
  );

  // This UI leaves out spans without a time: 84 fragments here, whose ids are also those of spans with one.
  const timed = sent.smartThings.spans.filter(({ timestamp }) => timestamp);
  await step('A trace from Zipkin', null, async () => {
    await rows().first().locator('a').first().click();
    await expect(overview('Total Spans')).toHaveText(String(timed.length));
    await expect(overview('Services')).toHaveText(String(sent.smartThings.services.length));
    await expect(spanRows().first()).toContainText(rootService);
  });

  await step('Find in the trace', null, async () => {
    const field = page.locator('.TracePageSearchBar input');
    await field.fill('no-such-word');
    await matches(0);
    await field.fill('bookie');
    await matches(
      timed.filter(({ localEndpoint }) => localEndpoint.serviceName === 'bookie').length,
    );
    await page.getByTestId('DownOutlined').click();
    await expect(page.locator('.span-row.is-matching-filter').first()).toBeVisible();
  });

  const failedSpan = trainSpans.find(({ status }) => status?.code === 2);
  await step('A trace from OTLP', `/trace/${sent.train.id}`, async () => {
    await expect(overview('Total Spans')).toHaveText('200');
    await expect(overview('Services')).toHaveText(String(trainServices.length));
    await expect(page.locator('.SpanBarRow--errorIcon').first()).toBeVisible();
  });

  await step(
    'A deep link to a span',
    `/trace/${sent.train.id}?uiFind=${failedSpan.spanId}`,
    async () => {
      await expect(page.locator('.span-row.is-matching-filter')).toHaveCount(1);
      await expect(page.locator('.detail-row')).toContainText(failedSpan.name);
      await page.locator('.detail-row').getByText('Tags:').click();
      await expect(page.locator('.detail-row')).toContainText('otel.status_code');
    },
  );

  await step('An id in capitals', `/trace/${sent.train.id.toUpperCase()}`, async () => {
    await expect(overview('Total Spans')).toHaveText('200');
    await expect(page).toHaveURL(new RegExp(sent.train.id));
  });

  await step('An id without its zeros, from the search box', '/search', async () => {
    await page.getByTestId('idInput').fill(pagerId(7).replace(/^0+/, ''));
    await page.keyboard.press('Enter');
    await expect(overview('Total Spans')).toHaveText('2');
  });

  await step('The details of a span', `/trace/${pagerId(7)}`, async () => {
    await spanRows().first().locator('.span-name').click();
    const details = page.locator('.detail-row');
    await expect(details).toContainText('page "7" = 7');
    await expect(details).toContainText('a-host');
    await expect(details.locator('.AccordionEvents')).toContainText('asked');
  });

  const absent = 'f'.repeat(32);
  await step(
    'A trace that is not there',
    `/trace/${absent}`,
    () => expect(page.getByTestId('ErrorMessage')).toContainText('trace not found'),
    [`404 /api/traces/${absent}`],
  );

  for (const view of ['Graph', 'Statistics', 'Spans Table', 'Flamegraph', 'Logs'])
    await step(`Trace ${view}`, `/trace/${sent.smartThings.id}`, async () => {
      await page.locator('.AltViewOptions').click();
      // Not by the mouse, under which the menu beside this one may open.
      await page.getByRole('button', { name: `Trace ${view}`, exact: true }).dispatchEvent('click');
      const shown = {
        Graph: page.locator('.TraceGraph--graphWrapper .OpNode').first(),
        Statistics: page.locator('.ant-table-row', { hasText: 'guardian' }),
        'Spans Table': page.locator('.ant-table-row').first(),
        Flamegraph: page.getByTestId('flamegraph-wrapper'),
        Logs: page.getByTestId('trace-logs-view'),
      };
      await expect(shown[view]).toBeVisible();
    });

  await step('Trace JSON', null, async () => {
    const answer = await page.request.get(
      `${ui.url}/api/traces/${sent.train.id}?raw=true&prettyPrint=true`,
    );
    const { data } = await answer.json();
    assert.deepEqual(
      data[0].spans.map(({ spanID }) => spanID).sort(),
      trainSpans.map(({ spanId }) => spanId).sort(),
    );
  });

  await step('Two results are compared', searchOf({ service: 'ts-gateway-service' }), async () => {
    await found(2);
    // What is selected is listed above the results, in these traces' order.
    for (const index of [0, 1]) await rows().nth(index).locator('input[type=checkbox]').check();
    await page.getByRole('button', { name: 'Compare Traces' }).click();
    await expect(page.getByTestId('TraceDiffHeader--traceAttr--spans').nth(1)).toBeVisible();
    const counts = await page.getByTestId('TraceDiffHeader--traceAttr--spans').allTextContents();
    assert.deepEqual(counts.sort(), ['199', '200']);
    const changed = page.locator('.TraceDiffGraph--graphWrapper .DiffNode.is-changed');
    await expect(changed).toHaveCount(1);
    await expect(changed).toContainText(sent.changed.without.name);
    await expect(changed).toBeVisible();
  });

  await step('A link to a comparison', `/trace/${sent.train.id}...${sent.changed.id}`, async () => {
    const counts = page.getByTestId('TraceDiffHeader--traceAttr--spans');
    await expect(counts).toHaveText(['200', '199']);
    await expect(page.locator('.DiffNode.is-changed')).toBeVisible();
  });

  await step('Dependencies', '/dependencies', async () => {
    // Each service of these traces calls another or is called.
    const labels = page.getByTestId('dagNodeLabel');
    await expect(labels).toHaveCount(services.length);
    assert.deepEqual((await labels.allTextContents()).sort(), services);
    await expect(
      page.locator('.DAG').getByText(String(PAGER_COUNT), { exact: true }),
    ).toBeVisible();
  });

  await step('Monitor', '/monitor', async () => {
    const select = page.locator('.select-a-service-input');
    await select.click();
    await page.keyboard.type(PAGER);
    await page.keyboard.press('Enter');
    await expect(page.getByText(`Operations metrics under ${PAGER}`)).toBeVisible();
    const operations = page.locator('.ant-table-row td:first-child');
    await expect(operations).toHaveCount(2);
    const names = await operations.allTextContents();
    assert.deepEqual(names.sort(), ['GET /page/even', 'GET /page/odd']);
    await expect(page.getByText('No Data')).toHaveCount(0);
  });

  await step('Archive', `/trace/${sent.train.id}`, async () => {
    await page.getByRole('button', { name: 'Archive Trace' }).click();
    await expect(page.getByText('This trace has been archived.')).toBeVisible();
  });

  await step('Files', '/search', async () => {
    await page.getByText('Upload', { exact: true }).click();
    const input = page.locator('input[type=file]');
    await input.setInputFiles(testdata('jaeger/ui-otlp-multi-in.json'));
    await found(1);
    await input.setInputFiles(testdata('jaeger/otlp2jaeger-out.json'));
    await found(2);
  });
} finally {
  await browser.close();
  ui.stop();
}
console.log(`all ${number} steps hold`);
