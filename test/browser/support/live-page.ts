import { expect, type Locator, type Page } from '@playwright/test';

/** The live page as its readers see it. */
export class LivePage {
  /** Faults that the browser has reported since the page was opened; network errors are not among them. */
  readonly faults: string[] = [];

  constructor(readonly page: Page) {
    page.on('pageerror', error => this.faults.push(String(error)));
    page.on('console', message => {
      const isFault = message.type() === 'error' || message.type() === 'warning';
      if (isFault && !message.text().includes('net::ERR_')) this.faults.push(message.text());
    });
  }

  /** Opens the page and waits for its first numbers. */
  async open(url = '/'): Promise<void> {
    await this.page.goto(url);
    await this.isLive();
    await expect(this.tile('impressions')).toBeVisible();
  }

  get connection(): Locator {
    return this.page.locator('[data-connection]');
  }

  async isLive(): Promise<void> {
    await expect(this.connection).toHaveAttribute('data-connection', 'live', { timeout: 30_000 });
  }

  tile(measure: string): Locator {
    return this.page.locator(`[data-measure="${measure}"]`);
  }

  /** The exact number of a tile. */
  async value(measure: string): Promise<number> {
    return Number(await this.tile(measure).locator('data').getAttribute('value'));
  }

  /** The moment up to which numbers are final, epoch milliseconds; 0 while there is none. */
  async finalUntil(): Promise<number> {
    const shown = this.page.locator('main time');
    return (await shown.count()) === 0 ? 0 : Date.parse((await shown.getAttribute('datetime'))!);
  }

  /** Waits until the tidemark has moved past where it is now. */
  async finalUntilAdvances(): Promise<void> {
    const before = await this.finalUntil();
    await expect.poll(() => this.finalUntil(), { timeout: 30_000 }).toBeGreaterThan(before);
  }

  async choose(group: string | RegExp, option: string): Promise<void> {
    // The radio itself is hidden behind its label, which takes the click.
    await this.page.getByRole('radiogroup', { name: group }).locator('label', { hasText: option }).click();
  }
}
