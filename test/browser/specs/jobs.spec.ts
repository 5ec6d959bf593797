import { faults } from '../support/axe.js';
import { expect, test } from '../support/fixtures.js';
import { LivePage } from '../support/live-page.js';
import { type Server, simulatedServer } from '../support/server.js';

test('from the list to a job, its operators, its table and back', async ({ page }) => {
  const live = new LivePage(page);
  await live.open();
  await page.getByRole('link', { name: 'Jobs' }).click();
  const row = page.getByRole('row', { name: /^ads_minute/ });
  await expect(row).toContainText('Running');
  await row.getByRole('link').click();
  await expect(page.getByRole('heading', { name: 'ads_minute' })).toBeVisible();

  // Operators are chosen with the keyboard, and stay so in the address.
  const operator = page.getByRole('button', { name: /WindowAggregate/ });
  await operator.focus();
  await page.keyboard.press('Enter');
  await expect(operator).toHaveAttribute('aria-pressed', 'true');
  await expect(page.getByRole('heading', { name: /^WindowAggregate/ })).toBeVisible();
  await page.reload();
  await expect(operator).toHaveAttribute('aria-pressed', 'true');
  await operator.press('Enter');
  await expect(operator).toHaveAttribute('aria-pressed', 'false');

  // What was read so far grows by itself.
  const read = async () =>
    Number(
      (
        await page
          .getByRole('row', { name: /^(ods_clicks-0|partition 0)/ })
          .first()
          .getByRole('cell')
          .first()
          .innerText()
      ).replaceAll(',', ''),
    );
  const before = await read();
  await expect.poll(read, { timeout: 20_000 }).toBeGreaterThan(before);

  await page.getByRole('link', { name: 'Its table' }).click();
  await expect(page.getByRole('heading', { name: 'Columns' })).toBeVisible();
  await expect(page.getByRole('rowheader', { name: /^window_start/ })).toContainText('key');
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'Where the time goes' })).toBeVisible();
  expect(live.faults).toEqual([]);
});

test('all tables are listed, and one of them opened', async ({ page }) => {
  await page.goto('/tables');
  await page.getByRole('link', { name: 'ods_clicks', exact: true }).click();
  await expect(page.getByRole('term').filter({ hasText: 'Final until' })).toBeVisible();
  await page.getByRole('link', { name: 'Running' }).click();
  await expect(page).toHaveURL(/\/jobs\/ods_clicks/);
});

test('a job that does not exist is told with what is wrong', async ({ page }) => {
  await page.goto('/jobs/nothing');
  await expect(page.getByRole('alert')).toContainText('not_found');
  await page.goto('/tables/nothing');
  await expect(page.locator('main').getByRole('alert')).toBeVisible();
});

for (const path of ['/jobs', '/jobs/ads_minute', '/tables', '/tables/ads_minute']) {
  for (const scheme of ['light', 'dark'] as const) {
    test(`no serious fault: ${path}, ${scheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme: scheme });
      await page.goto(path);
      await expect(page.locator('main table').first()).toBeVisible();
      expect(await faults(page)).toEqual([]);
    });
  }
  test(`no horizontal scroll: ${path}`, async ({ page }) => {
    for (const width of [1440, 820, 390, 320]) {
      await page.setViewportSize({ width, height: 844 });
      await page.goto(path);
      await expect(page.locator('main table').first()).toBeVisible();
      const [needed, given] = await page.evaluate(() => [
        document.documentElement.scrollWidth,
        document.documentElement.clientWidth,
      ]);
      expect(needed, `${width} px`).toBeLessThanOrEqual(given!);
    }
  });
}

/** States that a healthy server does not show, on the simulated server. */
test.describe('simulated', () => {
  let server: Server;
  test.afterEach(() => server.dispose());

  test('a job that is held back says by whom, with its warning; a failed one why', async ({ page }) => {
    server = await simulatedServer('blocked');
    await page.goto(`${server.url}/jobs`);
    await expect(page.getByRole('row', { name: /^ods_clicks/ })).toContainText(
      'the data folder has no space left',
    );
    await page.getByRole('link', { name: 'ads_minute' }).click();
    await expect(page.getByText(/WindowAggregate .* holds the job back/)).toBeVisible();
    await expect(page.getByRole('heading', { name: /^WindowAggregate/ })).toBeVisible(); // it is shown without a click
    await expect(page.getByRole('status').filter({ hasText: 'Look at this.' })).toContainText(
      'partition 3 of topic results',
    );
    await expect(page.getByRole('row', { name: /^ods_clicks-3/ })).toContainText('184,210');
    expect(await faults(page)).toEqual([]);
    await page.goto(`${server.url}/jobs/ods_clicks`);
    await expect(page.locator('main').getByRole('alert')).toContainText('free some');
    await expect(page.getByText('there is nothing to show of its operators')).toBeVisible();
    await page.goto(`${server.url}/tables/ads_minute`);
    await expect(page.getByText('Blocked by job ads_minute is 184210 rows behind ods_clicks')).toBeVisible();
  });

  test('without jobs and tables the pages say how to get some', async ({ page }) => {
    server = await simulatedServer('empty');
    await page.goto(`${server.url}/jobs`);
    await expect(page.getByRole('heading', { name: 'No job runs' })).toBeVisible();
    await page.goto(`${server.url}/tables`);
    await expect(page.getByRole('heading', { name: 'No tables yet' })).toBeVisible();
  });

  test('numbers stay while the server is away, marked, and go on with it', async ({ page }) => {
    server = await simulatedServer('flowing');
    await page.goto(`${server.url}/jobs/ads_minute`);
    await expect(page.getByRole('heading', { name: 'Where the time goes' })).toBeVisible();
    await server.kill();
    await expect(page.getByRole('alert')).toContainText('Connection lost');
    await expect(page.getByRole('heading', { name: 'Where the time goes' })).toBeVisible();
    await server.start();
    await expect(page.getByRole('alert')).toHaveCount(0);
  });

  test('a server that has never answered is waited for', async ({ page }) => {
    server = await simulatedServer('flowing');
    await page.route('**/api/v1/jobs', route => route.abort());
    await page.goto(`${server.url}/jobs`);
    await expect(page.getByRole('alert')).toContainText('The server does not answer');
    await page.unroute('**/api/v1/jobs');
    await expect(page.getByRole('row', { name: /^ads_minute/ })).toBeVisible();
  });
});
