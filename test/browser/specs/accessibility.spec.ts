import { faults } from '../support/axe.js';
import { expect, test } from '../support/fixtures.js';
import { LivePage } from '../support/live-page.js';

const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const scheme of ['light', 'dark'] as const) {
    for (const locale of ['en-US', 'zh-CN']) {
      test(`no serious fault: ${size}, ${scheme}, ${locale}`, async ({ browser, baseURL }) => {
        const context = await browser.newContext({
          viewport,
          colorScheme: scheme,
          locale,
          baseURL: baseURL!,
        });
        const page = await context.newPage();
        await new LivePage(page).open();
        expect(await faults(page)).toEqual([]);

        await page.getByRole('button', { name: /How settled|数据有多稳/ }).click();
        const dialog = page.getByRole('dialog');
        await expect(dialog).toBeVisible();
        await expect(dialog).toHaveCSS('opacity', '1');
        expect(await faults(page)).toEqual([]);
        await context.close();
      });
    }
  }
}

for (const width of [1440, 820, 390, 320]) {
  test(`no horizontal scroll at ${width} px`, async ({ page }) => {
    await page.setViewportSize({ width, height: 844 });
    await new LivePage(page).open();
    const [needed, given] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    expect(needed).toBeLessThanOrEqual(given!);
  });
}

test('minutes can be read with the keyboard, in all charts at once', async ({ page }) => {
  const live = new LivePage(page);
  await live.open();
  const chart = page.getByRole('slider', { name: /^Impressions/ });
  await chart.focus();
  const text = () => chart.getAttribute('aria-valuetext');
  const newest = await text();
  await page.keyboard.press('Home');
  await expect(chart).toHaveAttribute('aria-valuenow', '0');
  expect(await text()).toMatch(/^\d\d:\d\d, [\d,]+, [A-Z]/);
  await expect(page.getByRole('slider', { name: /^Revenue/ })).toHaveAttribute('aria-valuenow', '0');
  await page.keyboard.press('ArrowRight');
  const last = Number(await chart.getAttribute('aria-valuemax'));
  await expect(chart).toHaveAttribute('aria-valuenow', String(Math.min(1, last)));
  await page.keyboard.press('Escape');
  await expect(chart).not.toHaveAttribute('aria-valuenow', '0');
  expect((await text())?.slice(-4)).toBe(newest?.slice(-4));
});

test('the explanation opens and closes with the keyboard and gives the focus back', async ({ page }) => {
  await new LivePage(page).open();
  const button = page.getByRole('button', { name: 'How settled?' });
  await button.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'How settled?' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(button).toBeFocused();
});

test('the first stop of the tab key leads past the header', async ({ page }) => {
  await new LivePage(page).open();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
});
