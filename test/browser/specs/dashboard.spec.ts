import { expect, test } from '../support/fixtures.js';
import { LivePage } from '../support/live-page.js';

test('numbers rise', async ({ page }) => {
  const live = new LivePage(page);
  await live.open();
  await expect(page).toHaveTitle('Tidemark');
  for (const measure of ['impressions', 'clicks', 'revenue']) {
    const before = await live.value(measure);
    await expect.poll(() => live.value(measure), { timeout: 30_000 }).toBeGreaterThan(before);
  }
  expect(live.faults).toEqual([]);
});

test('the rates are those of the sums', async ({ page }) => {
  const live = new LivePage(page);
  await live.open();
  // One reading of the whole document, so that no update comes in between.
  const read = await page
    .locator('[data-measure]')
    .evaluateAll(tiles =>
      Object.fromEntries(
        tiles.map(tile => [
          tile.getAttribute('data-measure'),
          Number(tile.querySelector('data')?.getAttribute('value')),
        ]),
      ),
    );
  expect(read.ctr).toBeCloseTo(read.clicks! / read.impressions!, 10);
  expect(read.errors).toBeGreaterThanOrEqual(0);
  expect(read.errors).toBeLessThan(1);
});

test('the tidemark advances and stays behind the clock', async ({ page }) => {
  const live = new LivePage(page);
  await live.open();
  await live.finalUntilAdvances();
  await live.finalUntilAdvances();
  expect(await live.finalUntil()).toBeLessThanOrEqual(Date.now());
});

test('the campaigns are the ten with the most revenue', async ({ page }) => {
  const live = new LivePage(page);
  await live.open();
  const rows = page.getByRole('table').locator('tbody tr');
  await expect.poll(() => rows.count()).toBeGreaterThan(0);
  const revenues = await page
    .getByRole('table')
    .locator('tbody td:last-child')
    .evaluateAll(cells => cells.map(cell => Number(cell.textContent!.replace(/[^0-9.]/g, ''))));
  expect(revenues.length).toBeLessThanOrEqual(10);
  expect(revenues).toEqual([...revenues].sort((a, b) => b - a));
});

test('the language can be switched and is remembered', async ({ page }) => {
  const live = new LivePage(page);
  await live.open();
  await expect(page.getByText('Final until', { exact: true })).toBeVisible();
  await live.choose('Language', '中文');
  await expect(page.getByText('终值截至', { exact: true })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
  await page.reload();
  await expect(page.getByText('终值截至', { exact: true })).toBeVisible();
  await live.choose('语言', 'EN');
  await expect(page.getByText('Final until', { exact: true })).toBeVisible();
  expect(live.faults).toEqual([]);
});

test('a Chinese browser is greeted in Chinese', async ({ browser, baseURL }) => {
  const context = await browser.newContext({ locale: 'zh-CN', baseURL: baseURL! });
  const page = await context.newPage();
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('广告投放实时看板');
  await context.close();
});

test('the colour scheme follows the system, can be switched and is remembered', async ({ page }) => {
  const live = new LivePage(page);
  const scheme = page.locator('html');
  await page.emulateMedia({ colorScheme: 'dark' });
  await live.open();
  await expect(scheme).toHaveAttribute('data-mantine-color-scheme', 'dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await expect(scheme).toHaveAttribute('data-mantine-color-scheme', 'light');
  await live.choose('Colour scheme', 'Dark');
  await expect(scheme).toHaveAttribute('data-mantine-color-scheme', 'dark');

  // Before any script of the page has run, the first paint is dark already.
  await page.route('**/assets/*.js', route => route.abort());
  await page.reload();
  await expect(scheme).toHaveAttribute('data-mantine-color-scheme', 'dark');
  await expect(page.locator('body')).toHaveCSS('background-color', 'rgb(10, 16, 19)');
});

test('nothing jumps while numbers come in', async ({ page }) => {
  const live = new LivePage(page);
  await page.addInitScript(() => {
    const state = window as unknown as { shift: number };
    state.shift = 0;
    new PerformanceObserver(list => {
      for (const entry of list.getEntries()) state.shift += (entry as unknown as { value: number }).value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await live.open();
  await live.finalUntilAdvances();
  await live.finalUntilAdvances();
  expect(await page.evaluate(() => (window as unknown as { shift: number }).shift)).toBeLessThan(0.02);
});

test('the page rests while its tab is hidden', async ({ page }) => {
  const live = new LivePage(page);
  await live.open();
  const setHidden = (hidden: boolean) =>
    page.evaluate(value => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  await setHidden(true);
  await expect(live.connection).toHaveAttribute('data-connection', 'paused');
  await setHidden(false);
  await live.isLive();
  await live.finalUntilAdvances();
});

test('an address that is no page says so', async ({ page }) => {
  await page.goto('/nothing-here');
  await page.getByRole('link', { name: 'Open the live page' }).click();
  await new LivePage(page).isLive();
});
