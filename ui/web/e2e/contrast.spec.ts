// High contrast: the colours of the system where they are forced, and more contrast where it is asked for. What is asserted is
// what a reader sees: a ring around what has the focus, marks that stand out from their ground, words that can be read.

import { AxeBuilder } from '@axe-core/playwright';
import type { Locator, Page } from '@playwright/test';

import { expect, grid, open, results, rows, test } from './test';
import { FAST, REPEATS, SLOW, TRAINTICKET } from './traces';

const RANGE = 'from=1699999990000000000&to=1700000120000000000';
const SQL = `/sql?view=chart&q=${encodeURIComponent(
  'SELECT service_name, count(*) AS n FROM spans GROUP BY service_name ORDER BY n DESC',
)}`;

interface Seen {
  name: string;
  path: string;
  /** There when the page is. */
  sign: (page: Page) => Locator;
  /** Marks whose background is what they say. */
  marks?: string;
  /** Drawings that have to be seen. */
  canvas?: string;
}

const PAGES: readonly Seen[] = [
  {
    name: 'Explore',
    path: '/explore',
    sign: (page) => results(page).first(),
    marks: 'tbody [role=img] i',
    canvas: '[aria-label=Latency] canvas',
  },
  {
    name: 'Trace',
    path: `/trace/${TRAINTICKET}`,
    sign: (page) => rows(page).first(),
    canvas: '[role=treegrid] canvas',
  },
  {
    name: 'Compare',
    path: `/compare?a=${FAST}&b=${SLOW}`,
    sign: (page) => page.getByRole('treegrid').getByRole('row').first(),
  },
  {
    name: 'Map',
    path: `/map?${RANGE}`,
    sign: (page) => page.getByRole('main').getByRole('button').first(),
  },
  {
    name: 'Services',
    path: `/services?${RANGE}`,
    sign: (page) => page.getByRole('table').getByRole('row').nth(1),
  },
  {
    name: 'A service',
    path: `/service/compared?${RANGE}`,
    sign: (page) => page.getByRole('table', { name: 'Operations' }),
    canvas: '[aria-label=Latency] canvas',
  },
  {
    name: 'SQL',
    path: SQL,
    sign: (page) => page.getByRole('rowheader').first(),
    marks: 'figure td i',
  },
  {
    name: 'Status',
    path: '/status',
    sign: (page) => page.getByRole('region', { name: 'Storage' }),
  },
];

/** Contrast of two colours as CSS writes them, by WCAG; run in the page. */
const contrastInPage = `
  window.contrastOf = (a, b) => {
    const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 })
      .getContext('2d', { willReadFrequently: true });
    const luminance = (color) => {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
      const { data } = context.getImageData(0, 0, 1, 1);
      // What is not there stands out from nothing: comparisons with this are false.
      if (data[3] === 0) return Number.NaN;
      const [r, g, b] = [...data].map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const [x, y] = [luminance(a), luminance(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  };
  window.aboveOf = (element) => element.parentElement ?? element.getRootNode().host ?? null;
  window.focusedOf = () => {
    let focused = document.activeElement;
    while (focused.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
    return focused;
  };
  window.groundOf = (element) => {
    for (let at = element; at; at = window.aboveOf(at)) {
      const { backgroundColor } = getComputedStyle(at);
      if (!/^rgba\\(.*, 0\\)$|^transparent$/.test(backgroundColor)) return backgroundColor;
    }
    return 'white';
  };
`;

declare global {
  interface Window {
    contrastOf: (a: string, b: string) => number;
    aboveOf: (element: Element) => Element | null;
    /** What has the focus, in whatever shadow tree. */
    focusedOf: () => Element;
    groundOf: (element: Element | null) => string;
  }
}

/** What has the focus, when nothing is outlined that stands out around it; the outline may be that of what it is in. */
const unseenFocus = (page: Page): Promise<string | undefined> =>
  page.evaluate(() => {
    const focused = window.focusedOf();
    if (focused === document.body) return undefined;
    let at: Element | null = focused;
    for (let level = 0; at && level < 4; level++, at = window.aboveOf(at)) {
      const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(at);
      const isOutlined = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
      if (isOutlined && window.contrastOf(outlineColor, window.groundOf(window.aboveOf(at))) >= 3)
        return undefined;
    }
    return focused.outerHTML.slice(0, 200);
  });

/** Least contrast of the backgrounds of `marks` against what they lie on. */
const markContrast = (marks: Locator): Promise<number> =>
  marks.evaluateAll((all) =>
    all.reduce((least, mark) => {
      const { backgroundColor } = getComputedStyle(mark);
      const ground = window.groundOf(mark.parentElement);
      return Math.min(least, window.contrastOf(backgroundColor, ground));
    }, Number.POSITIVE_INFINITY),
  );

/** Share of a drawing's pixels that stand out from its ground by 3:1. */
const drawnShare = (canvas: Locator): Promise<number> =>
  canvas.evaluate((element) => {
    const drawing = element as HTMLCanvasElement;
    const context = drawing.getContext('2d');
    if (!context) return 0;
    const { data } = context.getImageData(0, 0, drawing.width, drawing.height);
    const ground = window.groundOf(drawing.parentElement);
    const known = new Map<number, boolean>();
    let seen = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r = 0, g = 0, b = 0, alpha = 0] = data.subarray(i, i + 4);
      if (alpha < 200) continue;
      const key = (r << 16) | (g << 8) | b;
      let stands = known.get(key);
      if (stands === undefined) {
        stands = window.contrastOf(`rgb(${r}, ${g}, ${b})`, ground) >= 3;
        known.set(key, stands);
      }
      if (stands) seen++;
    }
    return seen / (data.length / 4);
  });

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`colours are forced, ${colorScheme}`, () => {
    test.use({ colorScheme });

    for (const { name, path, sign, marks, canvas } of PAGES) {
      test(`${name}: focus and marks are seen`, async ({ page }) => {
        await page.emulateMedia({ forcedColors: 'active', colorScheme });
        await open(page, path);
        await expect(sign(page)).toBeVisible();
        await page.evaluate(contrastInPage);
        await page.keyboard.press('Tab');
        await expect.poll(() => unseenFocus(page)).toBeUndefined();
        // The skip link leads to the page itself.
        await page.keyboard.press('Enter');
        for (let i = 0; i < 15; i++) {
          await page.keyboard.press('Tab');
          await expect.poll(() => unseenFocus(page)).toBeUndefined();
        }
        // Words on a ground of their own.
        for (const button of await page.getByRole('button', { name: /^Run/ }).all()) {
          const words = await button.evaluate((element) => {
            const { color, backgroundColor } = getComputedStyle(element);
            return window.contrastOf(color, backgroundColor);
          });
          expect(words).toBeGreaterThanOrEqual(4.5);
          await expect(button).toHaveCSS('forced-color-adjust', 'none');
        }
        if (marks) {
          await expect(page.locator(marks)).not.toHaveCount(0);
          expect(await markContrast(page.locator(marks))).toBeGreaterThanOrEqual(3);
        }
        if (canvas)
          await expect.poll(() => drawnShare(page.locator(canvas).first())).toBeGreaterThan(0.002);
      });
    }
  });

  test.describe(`more contrast, ${colorScheme}`, () => {
    test.use({ colorScheme });

    for (const { name, path, sign, marks, canvas } of PAGES) {
      test(`${name}: words are read, focus and marks are seen`, async ({ page }) => {
        test.slow();
        await page.emulateMedia({ contrast: 'more', colorScheme });
        await open(page, path);
        await expect(sign(page)).toBeVisible();
        await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
        await page.evaluate(contrastInPage);
        await page.keyboard.press('Tab');
        await page.keyboard.press('Tab');
        const shadow = await page.evaluate(
          () => getComputedStyle(document.activeElement as Element).boxShadow,
        );
        // Two pixels of the surface, then two of the ring.
        const [, color] = /([a-z]+\([^)]*\)) 0px 0px 0px 4px/.exec(shadow) ?? [];
        expect(color, shadow).toBeDefined();
        const ring = await page.evaluate(
          (ofRing) =>
            window.contrastOf(
              ofRing,
              window.groundOf((document.activeElement as Element).parentElement),
            ),
          color as string,
        );
        expect(ring).toBeGreaterThanOrEqual(4.5);
        if (marks) expect(await markContrast(page.locator(marks))).toBeGreaterThanOrEqual(3);
        if (canvas)
          await expect.poll(() => drawnShare(page.locator(canvas).first())).toBeGreaterThan(0.002);
        const { violations } = await new AxeBuilder({ page })
          .withRules(['color-contrast', 'color-contrast-enhanced'])
          .analyze();
        expect(
          violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`),
        ).toEqual([]);
      });
    }
  });
}

test('what matched is seen where colours are forced, and which of it is the present one', async ({
  page,
}) => {
  await page.emulateMedia({ forcedColors: 'active' });
  await open(page, `/trace/${REPEATS}?find=load`);
  const match = grid(page).locator('[data-match]').first();
  await expect(match).toBeVisible();
  await page.evaluate(contrastInPage);
  const name = match.locator('bdi').nth(1);
  const ground = await name.evaluate((element) => [
    getComputedStyle(element).backgroundColor,
    window.groundOf(element.parentElement),
  ]);
  expect(ground[0]).not.toBe(ground[1]);
  await page.keyboard.press('n');
  await expect(name).toHaveCSS('outline-style', 'solid');
});
