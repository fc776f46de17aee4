// The test of these specs: a page that may neither log an error nor leave its origin, and small helpers.

import { expect, test as base, type Locator, type Page } from '@playwright/test';

/** Where the pages are. */
export const site = (): string => process.env['CLEW_URL'] as string;

/** True when the stand-in is tested, which has more data and a second address under `/prefix/`. */
export const isMock = (): boolean => process.env['CLEW_MOCK'] !== undefined;

/** Errors that a test provokes, by a part of their text. */
interface Options {
  allowedErrors: RegExp;
}

/** See the module. */
export const test = base.extend<Options>({
  allowedErrors: [/^$/, { option: true }],
  page: async ({ page, allowedErrors }, use) => {
    const problems: string[] = [];
    const origin = new URL(site()).origin;
    page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(`console: ${message.text()}`);
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.origin !== origin && url.protocol !== 'blob:' && url.protocol !== 'data:')
        problems.push(`left the origin: ${url.href}`);
    });
    const token = process.env['CLEW_TOKEN'];
    if (token)
      await page.addInitScript((text) => sessionStorage.setItem('clew.token', text), token);
    await use(page);
    expect(problems.filter((problem) => !allowedErrors.test(problem))).toEqual([]);
  },
});

export { expect };

/** Opens the page at `path`. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(site() + path);
}

/** The waterfall. */
export const grid = (page: Page): Locator => page.getByRole('treegrid', { name: 'Spans' });

/** Rows of the waterfall that are drawn. */
export const rows = (page: Page): Locator => grid(page).getByRole('row');

/** The row under the cursor. */
export const cursorRow = (page: Page): Locator =>
  grid(page).locator('[role=row][aria-selected=true]');

/** What the cursor is: read in one go, so that no frame is drawn between two of its parts. */
export interface CursorState {
  /** Whether the row is the one that the tree grid names as its active descendant. */
  isActive: boolean;
  level: number;
  /** Place among its siblings, from 1. */
  place: number;
  expanded: boolean | undefined;
  text: string;
}

/** The row cursor of this instant, or undefined while no row in view has it. */
export const cursorState = (page: Page): Promise<CursorState | undefined> =>
  grid(page).evaluate((element) => {
    const row = element.querySelector<HTMLElement>('[role=row][aria-selected=true]:not([hidden])');
    if (!row) return undefined;
    const expanded = row.getAttribute('aria-expanded');
    return {
      isActive: row.id !== '' && row.id === element.getAttribute('aria-activedescendant'),
      level: Number(row.getAttribute('aria-level')),
      place: Number(row.getAttribute('aria-posinset')),
      expanded: expanded === null ? undefined : expanded === 'true',
      text: row.textContent,
    };
  });

/** Waits until the cursor is as `expected` says, all at once. */
export async function expectCursor(page: Page, expected: Partial<CursorState>): Promise<void> {
  await expect.poll(() => cursorState(page)).toMatchObject({ isActive: true, ...expected });
}

/** Parameters of the address, read at once. */
export const params = (page: Page): Record<string, string> =>
  Object.fromEntries(new URL(page.url()).searchParams);

/** The panel of a span. */
export const panel = (page: Page): Locator => page.getByRole('complementary', { name: 'Span' });

/** A fact of the trace's header. */
export const fact = (page: Page, name: string): Locator =>
  page.locator('header dl > div', { has: page.getByText(name, { exact: true }) }).locator('dd');

/** Rows of the results. */
export const results = (page: Page): Locator =>
  page.getByRole('table', { name: 'Traces' }).locator('tbody tr');
