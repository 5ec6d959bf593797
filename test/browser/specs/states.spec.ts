import { expect, test } from '@playwright/test';
import { LivePage } from '../support/live-page.js';
import { type Scenario, type Server, simulatedServer } from '../support/server.js';

/** States that a healthy server does not show, on the simulated feed. */
let server: Server;

async function open(live: LivePage, scenario: Scenario): Promise<void> {
  server = await simulatedServer(scenario);
  await live.page.goto(server.url);
  await live.isLive();
}

test.afterEach(() => server.dispose());

test('a blocked line names what holds it', async ({ page }) => {
  const live = new LivePage(page);
  await open(live, 'blocked');
  await expect(page.getByText('Blocked: clicks, partition 3')).toBeVisible();
  const before = await live.value('impressions');
  await expect.poll(() => live.value('impressions')).toBeGreaterThan(before);
  expect(live.faults).toEqual([]);
});

test('a young system compares nothing yet', async ({ page }) => {
  const live = new LivePage(page);
  await open(live, 'young');
  await expect(live.tile('clicks')).toContainText('compares after 10 settled minutes');
  expect(live.faults).toEqual([]);
});

test('without events the page says what it waits for', async ({ page }) => {
  const live = new LivePage(page);
  await open(live, 'empty');
  await expect(page.getByRole('heading', { name: 'No events yet' })).toBeVisible();
  await expect(page.getByText('Not yet', { exact: true })).toBeVisible();
  expect(live.faults).toEqual([]);
});

test('a problem of the server is shown with its hint', async ({ page }) => {
  const live = new LivePage(page);
  await open(live, 'problem');
  await expect(page.getByRole('alert')).toContainText('The tables of the ad demo do not exist');
  await expect(page.getByRole('alert')).toContainText('tidemark demo');
  expect(live.faults).toEqual([]);
});

test('a server that has never answered is waited for', async ({ page }) => {
  server = await simulatedServer('flowing');
  await page.route('**/api/v1/live*', route => route.abort());
  await page.goto(server.url);
  await expect(page.getByRole('alert')).toContainText('The server does not answer yet');
  await page.unroute('**/api/v1/live*');
  await new LivePage(page).isLive();
});

test('an answer that cannot be read is named, not drawn', async ({ page }) => {
  server = await simulatedServer('flowing');
  await page.route('**/api/v1/live*', route =>
    route.fulfill({ contentType: 'text/event-stream', body: 'event: dashboard\ndata: {"now":"noon"}\n\n' }),
  );
  await page.goto(server.url);
  await expect(page.getByRole('alert')).toContainText('unexpected value in now');
});
