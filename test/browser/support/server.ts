import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const DEV_SERVER = fileURLToPath(new URL('../../../ui/dev/server.mjs', import.meta.url));

/** Time a server may take until it serves the page. */
const START_LIMIT_MS = 30_000;
const POLL_MS = 100;

/** A server under test that can be killed and started again at the same address. */
export interface Server {
  url: string;
  /** Whether it is the simulated feed, whose scenarios can be chosen. */
  simulated: boolean;
  /** Whether `kill` and `start` work; a server of BASE_URL belongs to somebody else. */
  restartable: boolean;
  start(): Promise<void>;
  /** Ends the process at once, as a crash would. */
  kill(): Promise<void>;
  /** Ends the process and removes its data. */
  dispose(): Promise<void>;
}

export type Scenario = 'flowing' | 'blocked' | 'young' | 'empty' | 'problem';

/** The server that the environment asks for; see playwright.config.ts. */
export async function serverUnderTest(): Promise<Server> {
  const { BASE_URL, TIDEMARK_BIN } = process.env;
  if (TIDEMARK_BIN) {
    const port = await freePort();
    const data = fs.mkdtempSync(path.join(os.tmpdir(), 'tidemark-browser-'));
    const args = ['demo', '--listen', `127.0.0.1:${port}`, '--data', data];
    return ownServer(port, path.resolve(TIDEMARK_BIN), args, false, () =>
      fs.rmSync(data, { recursive: true, force: true }),
    );
  }
  if (BASE_URL) {
    const refuse = () => Promise.reject(new Error('a server given by BASE_URL is not restarted'));
    const nothing = () => Promise.resolve();
    return {
      url: BASE_URL,
      simulated: false,
      restartable: false,
      start: refuse,
      kill: refuse,
      dispose: nothing,
    };
  }
  return simulatedServer('flowing');
}

/** The simulated feed in one of its scenarios, whatever the environment asks for. */
export async function simulatedServer(scenario: Scenario): Promise<Server> {
  const port = await freePort();
  const args = [DEV_SERVER, '--port', String(port), '--scenario', scenario];
  return ownServer(port, process.execPath, args, true, () => {});
}

async function ownServer(
  port: number,
  program: string,
  args: string[],
  simulated: boolean,
  cleanUp: () => void,
): Promise<Server> {
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const start = async () => {
    child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    await answering(url, child);
  };
  const kill = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  await start();
  return {
    url,
    simulated,
    restartable: true,
    start,
    kill,
    dispose: async () => {
      await kill();
      cleanUp();
    },
  };
}

/** Waits until the address serves the page, or the process has ended. */
async function answering(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server ended with exit code ${child.exitCode}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise(resolve => setTimeout(resolve, POLL_MS));
  }
  child.kill('SIGKILL');
  throw new Error(`no answer from ${url} within ${START_LIMIT_MS} ms`);
}

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
