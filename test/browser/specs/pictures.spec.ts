import { expect, type Page, test } from '@playwright/test';
import { type Scenario, type Server, simulatedServer } from '../support/server.js';

/** Pictures to look at, in results/pictures; they prove nothing by themselves. Run with PICTURES=1. */
test.skip(!process.env.PICTURES, 'pictures are taken on request');

const SIZES = {
  desktop: { width: 1440, height: 900 },
  tablet: { width: 820, height: 1180 },
  phone: { width: 390, height: 844 },
};

type Look = readonly [
  scenario: Scenario,
  size: keyof typeof SIZES,
  scheme: 'light' | 'dark',
  language: 'en' | 'zh',
];

interface Scene {
  page: Page;
  server: Server;
  /** Takes a picture of all of the page, or of the screen. */
  take: (name: string, fullPage?: boolean) => Promise<void>;
}

/** A test that opens a page and shows it to `look`. */
function picture(
  name: string,
  path: string,
  [scenario, size, scheme, language]: Look,
  look: (scene: Scene) => Promise<void>,
) {
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
    await page.evaluate(() => document.fonts.ready);
    await look({
      page,
      server,
      take: async (suffix, fullPage = true) => {
        await page.screenshot({
          path: `results/pictures/${name}${suffix}.png`,
          fullPage,
          animations: 'allow',
        });
      },
    });
    await context.close();
    await server.dispose();
  });
}

const LIVE: Look[] = [
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

for (const look of LIVE) {
  const [scenario, size, , language] = look;
  picture(look.join('-'), '/', look, async ({ page, server, take }) => {
    const connection = page.locator('[data-connection]');
    await expect(connection).toHaveAttribute('data-connection', 'live');
    await take('');
    if (scenario !== 'flowing' || size === 'tablet') return;
    await page.getByRole('button', { name: language === 'zh' ? '数据有多稳？' : 'How settled?' }).click();
    await expect(page.getByRole('dialog')).toHaveCSS('opacity', '1');
    await take('-how', false);
    await page.keyboard.press('Escape');
    await server.kill();
    await expect(connection).toHaveAttribute('data-connection', 'reconnecting');
    await take('-lost', false);
  });
}

for (const [scheme, language, text] of [
  ['light', 'en', 'SELECT campaign, impressions, clicks, revenue\nFROM ads_campaign\nORDER BY revenue DESC'],
  ['dark', 'zh', 'SELCT 42'],
] as const) {
  picture(
    `sql-${scheme}-${language}`,
    '/sql',
    ['flowing', 'desktop', scheme, language],
    async ({ page, take }) => {
      await page.getByRole('textbox').fill(text);
      await page.getByRole('textbox').press('Control+Enter');
      await expect(page.locator('main [aria-busy=false]').locator('table, [role=alert]')).toBeVisible();
      await take('', false);
    },
  );
}

const PAGES: [path: string, ...look: Look][] = [
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
  ['/tables/ods_clicks', 'flowing', 'desktop', 'light', 'en'],
  ['/tables', 'empty', 'phone', 'dark', 'zh'],
];

for (const [path, ...look] of PAGES) {
  picture([path.slice(1).replace('/', '-'), ...look].join('-'), path, look, async ({ page, take }) => {
    await expect(page.locator('main h2, main table').first()).toBeVisible();
    await expect(page.locator('main [aria-busy=true]')).toHaveCount(0);
    await take('');
  });
}
