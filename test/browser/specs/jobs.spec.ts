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

test('a job is suspended and resumed with the keyboard, after it was said what follows', async ({ page }) => {
  const live = new LivePage(page);
  await page.goto('/jobs/ads_minute');
  const suspend = page.getByRole('button', { name: 'Suspend' });
  const dialog = page.getByRole('dialog');

  // Who reads what follows can still leave it.
  await suspend.focus();
  await page.keyboard.press('Enter');
  await expect(dialog).toHaveAccessibleName('Suspend ads_minute?');
  await expect(dialog).toContainText('events wait in the log');
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await expect(suspend).toBeFocused();

  await page.keyboard.press('Enter');
  await dialog.getByRole('button', { name: 'Suspend' }).press('Enter');
  await expect(page.locator('main').getByText('Suspended', { exact: true }).first()).toBeVisible();
  await expect(page.getByText('The job is suspended.')).toBeVisible();
  const resume = page.getByRole('button', { name: 'Resume' });
  await expect(resume).toBeFocused();

  // It stays so for everybody, and its table says who holds it.
  await page.goto('/jobs');
  await expect(page.getByRole('row', { name: /^ads_minute/ })).toContainText('Suspended');
  await page.goto('/tables/ads_minute');
  await resume.click();
  await expect(dialog).toContainText('goes on from epoch');
  await dialog.getByRole('button', { name: 'Resume' }).click();
  await expect(page.locator('main').getByRole('status')).toHaveText('Resumed');
  await expect(page.getByRole('link', { name: 'Running' })).toBeVisible();
  expect(live.faults).toEqual([]);
});

test('a job is restarted', async ({ page }) => {
  await page.goto('/jobs/ods_clicks');
  await page.getByRole('button', { name: 'Restart' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click();
  await expect(page.locator('main').getByText('Restarted')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Where the time goes' })).toBeVisible();
});

test('from a table to its rows, and to the tables that come with it', async ({ page }) => {
  await page.goto('/tables');
  await expect(page.getByRole('row', { name: /^ods_clicks/ })).toBeVisible();
  await expect(page.getByRole('link', { name: 'ods_clicks$quarantine' })).toHaveCount(0);
  await page.getByRole('checkbox', { name: /System tables/ }).check();
  await page.getByRole('link', { name: 'ods_clicks$quarantine' }).click();
  await page.getByRole('link', { name: 'ods_clicks', exact: true }).click();
  await expect(page).toHaveTitle('ods_clicks · Tables · Tidemark');
  await expect(page.getByRole('heading', { name: 'Its events' })).toBeVisible();
  await page.getByRole('link', { name: 'Ask about it' }).click();
  await expect(page.getByRole('textbox', { name: 'SQL text' })).toContainText('FROM ods_clicks');
  await expect(page.getByRole('region', { name: 'Result' })).toBeVisible();
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
    await page.getByRole('button', { name: 'Suspend' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click();
    await expect(page.getByText('cannot do that now look at its error')).toBeVisible();
    await page.goto(`${server.url}/tables/ads_minute`);
    await expect(page.getByText('Blocked: job ads_minute is 184210 rows behind ods_clicks')).toBeVisible();
    await expect(page.getByRole('region', { name: 'Gaps' }).getByRole('row')).toContainText([
      'From',
      'site north was left for south',
    ]);
    await expect(page.getByRole('row', { name: /Final with a gap/ })).toContainText('site north was left');
    expect(await faults(page)).toEqual([]);
    await page.goto(`${server.url}/tables/ods_clicks`);
    await expect(page.getByRole('row', { name: /^savepoint ads_minute before-change/ })).toContainText(
      '184,210',
    );
    await expect(page.getByRole('definition').getByRole('link', { name: '3' })).toHaveAttribute(
      'href',
      /quarantine/,
    );
  });

  test('without jobs and tables the pages say how to get some', async ({ page }) => {
    server = await simulatedServer('empty');
    await page.goto(`${server.url}/jobs`);
    await expect(page.getByRole('heading', { name: 'No job runs' })).toBeVisible();
    await page.goto(`${server.url}/tables`);
    await expect(page.getByRole('heading', { name: 'No tables yet' })).toBeVisible();
    await expect(page.getByRole('region', { name: 'Commands' })).toContainText(
      `${server.url}/api/v1/events/clicks`,
    );
    expect(await faults(page)).toEqual([]);
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
