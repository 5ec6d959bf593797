import { expect, test } from '../support/fixtures.js';
import { LivePage } from '../support/live-page.js';

test('the page survives a restart of the server', async ({ page, server }) => {
  test.skip(!server.restartable, 'the server belongs to somebody else');
  const live = new LivePage(page);
  await live.open();
  await live.finalUntilAdvances();
  const [finalUntil, impressions] = [await live.finalUntil(), await live.value('impressions')];

  await server.kill();
  await expect(live.connection).toHaveAttribute('data-connection', 'reconnecting');
  await expect(page.getByRole('alert')).toContainText('Connection lost');
  // The last numbers stay on screen.
  expect(await live.value('impressions')).toBeGreaterThanOrEqual(impressions);

  await server.start();
  await live.isLive();
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect.poll(() => live.value('impressions'), { timeout: 30_000 }).toBeGreaterThan(impressions);
  await expect.poll(() => live.finalUntil(), { timeout: 30_000 }).toBeGreaterThan(finalUntil);
  expect(live.faults).toEqual([]);
});
