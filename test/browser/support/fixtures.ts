import { test as base, expect } from '@playwright/test';
import { type Server, serverUnderTest } from './server.js';

/** Tests with the server that the environment asks for, started once for all of them. */
export const test = base.extend<object, { server: Server }>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs off this pattern
    async ({}, use) => {
      const server = await serverUnderTest();
      await use(server);
      await server.dispose();
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ server }, use) => use(server.url),
});

export { expect };
