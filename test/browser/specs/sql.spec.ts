import { faults } from '../support/axe.js';
import { expect, test } from '../support/fixtures.js';
import { LivePage } from '../support/live-page.js';

test('a question is asked and its answer shown', async ({ page }) => {
  const live = new LivePage(page);
  await live.open();
  await page.getByRole('link', { name: 'SQL' }).click();
  const editor = page.getByRole('textbox', { name: 'SQL text' });
  await editor.fill('SELECT 42 AS answer');
  await page.getByRole('button', { name: 'Run' }).click();
  await expect(page.getByRole('columnheader', { name: /^answer/ })).toBeVisible();
  await expect(page.getByRole('cell')).toHaveText('42');
  await expect(page.locator('main').getByRole('status')).toContainText('Rows 1');

  // The text is still there after a reload, and the keyboard runs it.
  await page.reload();
  await expect(editor).toContainText('SELECT 42 AS answer');
  await editor.press('Control+Enter');
  await expect(page.getByRole('cell')).toHaveText('42');
  expect(live.faults).toEqual([]);
});

test('a wrong question is explained', async ({ page }) => {
  await page.goto('/sql');
  await page.getByRole('textbox', { name: 'SQL text' }).fill('SELCT 42');
  await page.getByRole('button', { name: 'Run' }).click();
  const explanation = page.locator('main').getByRole('alert');
  await expect(explanation).toContainText('line 1, column 1');
  await expect(page.locator('.cm-lintRange-error')).toHaveText('SELCT');
});

for (const scheme of ['light', 'dark'] as const) {
  test(`no serious fault: ${scheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto('/sql');
    const editor = page.getByRole('textbox', { name: 'SQL text' });
    await editor.fill(
      "SELECT campaign, 1.5 AS x, 'text' -- and a comment\nFROM t WHERE CAST(a AS BIGINT) IS NULL",
    );
    expect(await faults(page)).toEqual([]);
    await editor.fill('SELECT 42 AS answer');
    await editor.press('Control+Enter');
    await expect(page.getByRole('cell')).toHaveText('42');
    expect(await faults(page)).toEqual([]);
  });
}
