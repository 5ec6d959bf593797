import { expect, test } from '@playwright/test';
import { type Scenario, simulatedServer } from '../support/server.js';

/** Pictures to look at, in results/pictures; they prove nothing by themselves. Run with PICTURES=1. */
test.skip(!process.env.PICTURES, 'pictures are taken on request');

const SIZES = {
  desktop: { width: 1440, height: 900 },
  tablet: { width: 820, height: 1180 },
  phone: { width: 390, height: 844 },
};

const PICTURES: [Scenario, keyof typeof SIZES, 'light' | 'dark', 'en' | 'zh'][] = [
  ['flowing', 'desktop', 'light', 'en'],
  ['flowing', 'desktop', 'dark', 'zh'],
  ['flowing', 'tablet', 'light', 'zh'],
  ['flowing', 'phone', 'light', 'en'],
  ['flowing', 'phone', 'dark', 'zh'],
  ['blocked', 'desktop', 'light', 'zh'],
  ['blocked', 'desktop', 'dark', 'en'],
  ['young', 'desktop', 'dark', 'en'],
  ['empty', 'desktop', 'light', 'en'],
  ['problem', 'desktop', 'dark', 'zh'],
];

for (const [scenario, size, scheme, language] of PICTURES) {
  const name = `${scenario}-${size}-${scheme}-${language}`;
  test(name, async ({ browser }) => {
    const server = await simulatedServer(scenario);
    const context = await browser.newContext({
      viewport: SIZES[size],
      colorScheme: scheme,
      locale: language === 'zh' ? 'zh-CN' : 'en-US',
      timezoneId: 'Asia/Shanghai',
    });
    const page = await context.newPage();
    await page.goto(server.url);
    await expect(page.getByRole('status')).toHaveAttribute('data-connection', 'live');
    await page.evaluate(() => document.fonts.ready);
    await page.screenshot({ path: `results/pictures/${name}.png`, fullPage: true, animations: 'allow' });
    if (scenario === 'flowing' && size !== 'tablet') {
      await page.getByRole('button', { name: language === 'zh' ? '数据有多稳？' : 'How settled?' }).click();
      await expect(page.getByRole('dialog')).toHaveCSS('opacity', '1');
      await page.screenshot({ path: `results/pictures/${name}-how.png` });
      await page.keyboard.press('Escape');
      await server.kill();
      await expect(page.getByRole('status')).toHaveAttribute('data-connection', 'reconnecting');
      await page.screenshot({ path: `results/pictures/${name}-lost.png` });
    }
    await context.close();
    await server.dispose();
  });
}

for (const [scheme, language, text] of [
  ['light', 'en', 'SELECT campaign, impressions, clicks, revenue\nFROM ads_campaign\nORDER BY revenue DESC'],
  ['dark', 'zh', 'SELCT 42'],
] as const) {
  test(`sql-${scheme}-${language}`, async ({ browser }) => {
    const server = await simulatedServer('flowing');
    const context = await browser.newContext({
      viewport: SIZES.desktop,
      colorScheme: scheme,
      locale: language === 'zh' ? 'zh-CN' : 'en-US',
    });
    const page = await context.newPage();
    await page.goto(`${server.url}/sql`);
    await page.getByRole('textbox').fill(text);
    await page.getByRole('textbox').press('Control+Enter');
    await expect(page.locator('main [aria-busy=false]').locator('table, [role=alert]')).toBeVisible();
    await page.screenshot({ path: `results/pictures/sql-${scheme}-${language}.png` });
    await context.close();
    await server.dispose();
  });
}

for (const [path, scenario, size, scheme, language] of [
  ['/jobs', 'blocked', 'desktop', 'light', 'en'],
  ['/jobs', 'flowing', 'desktop', 'dark', 'zh'],
  ['/jobs/ads_minute', 'flowing', 'desktop', 'light', 'en'],
  ['/jobs/ads_minute', 'blocked', 'desktop', 'dark', 'zh'],
  ['/jobs/ads_minute', 'blocked', 'desktop', 'light', 'en'],
  ['/jobs/ads_minute', 'blocked', 'phone', 'light', 'en'],
  ['/jobs/ods_clicks', 'blocked', 'desktop', 'dark', 'en'],
  ['/jobs', 'empty', 'desktop', 'light', 'en'],
  ['/tables', 'flowing', 'desktop', 'light', 'en'],
  ['/tables', 'flowing', 'desktop', 'dark', 'zh'],
  ['/tables/ads_minute', 'blocked', 'desktop', 'light', 'zh'],
  ['/tables/ads_minute', 'flowing', 'desktop', 'dark', 'en'],
  ['/tables/ads_minute', 'flowing', 'phone', 'light', 'en'],
] as const) {
  const name = `${path.slice(1).replace('/', '-')}-${scenario}-${size}-${scheme}-${language}`;
  test(name, async ({ browser }) => {
    const server = await simulatedServer(scenario);
    const context = await browser.newContext({
      viewport: SIZES[size],
      colorScheme: scheme,
      locale: language === 'zh' ? 'zh-CN' : 'en-US',
      timezoneId: 'Asia/Shanghai',
    });
    const page = await context.newPage();
    await page.goto(server.url + path);
    await expect(page.locator('main h2, main table').first()).toBeVisible();
    await expect(page.locator('main [aria-busy=true]')).toHaveCount(0);
    await page.evaluate(() => document.fonts.ready);
    await page.screenshot({ path: `results/pictures/${name}.png`, fullPage: true });
    await context.close();
    await server.dispose();
  });
}
