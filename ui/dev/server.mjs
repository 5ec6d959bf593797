/**
 * Serves the built page with a simulated feed: `node dev/server.mjs [--port 8090] [--scenario flowing]`.
 * It stands in for the Go server while working on the page and in the browser tests; nothing of it is shipped.
 */
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { answerTo, eventAt, SCENARIOS } from './feed.mjs';
import { act, jobAt, jobsAt, progressAt, tableAt, tablesAt } from './jobs.mjs';

const DIST = fileURLToPath(new URL('../../serve/web/dist/', import.meta.url));

/** The policy of the Go package serve/web, so that a violation shows here already. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

const { values } = parseArgs({
  options: { port: { type: 'string', default: '8090' }, scenario: { type: 'string', default: 'flowing' } },
});
if (!SCENARIOS.includes(values.scenario)) {
  console.error(`unknown scenario ${values.scenario}; known: ${SCENARIOS.join(', ')}`);
  process.exit(2);
}

function live(request, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const send = () => {
    const { event, data } = eventAt(Date.now(), values.scenario);
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  send();
  const timer = setInterval(send, 1000);
  request.on('close', () => clearInterval(timer));
}

/** Answers what was posted as JSON, by what `answer` makes of it. */
async function post(request, response, answer) {
  const { status, body } = answer(await json(request));
  const type = status === 200 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'Content-Type': type }).end(JSON.stringify(body));
}

function action(pathname, request, response) {
  const name = decodeURIComponent(pathname.split('/')[4]);
  return post(request, response, ({ action }) => act(name, action, Date.now(), values.scenario));
}

/** What a GET of the API gives; undefined for what there is not. */
function answerOf(pathname) {
  const [, , , kind, name] = pathname.split('/').map(decodeURIComponent);
  const { scenario } = values;
  switch (kind) {
    case 'jobs':
      return name ? jobAt(name, Date.now(), scenario) : { jobs: jobsAt(Date.now(), scenario) };
    case 'tables':
      return name ? tableAt(name, Date.now(), scenario) : { tables: tablesAt(Date.now(), scenario) };
    case 'progress':
      return name && progressAt(name, Date.now(), scenario);
  }
}

function api(pathname, response) {
  const body = answerOf(pathname);
  if (body) {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    return;
  }
  const missing = { code: 'not_found', status: 404, detail: `there is nothing at ${pathname}` };
  response.writeHead(404, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify(missing));
}

function file(pathname, response) {
  const wanted = path.join(DIST, path.normalize(pathname));
  const isAsset = pathname.startsWith('/assets/');
  const candidates = isAsset ? [wanted] : [wanted, path.join(DIST, 'index.html')];
  for (const candidate of candidates) {
    for (const suffix of ['.gz', '']) {
      const name = candidate + suffix;
      if (!fs.statSync(name, { throwIfNoEntry: false })?.isFile()) continue;
      response.writeHead(200, {
        'Content-Type': TYPES[path.extname(candidate)] ?? 'application/octet-stream',
        'Content-Security-Policy': POLICY,
        'Cache-Control': isAsset ? 'public, max-age=31536000, immutable' : 'no-cache',
        ...(suffix ? { 'Content-Encoding': 'gzip' } : {}),
      });
      fs.createReadStream(name).pipe(response);
      return;
    }
  }
  response.writeHead(404, { 'Content-Type': 'text/plain' }).end('not found\n');
}

const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  if (pathname === '/api/v1/live') live(request, response);
  else if (pathname === '/api/v1/query') void post(request, response, ({ sql }) => answerTo(sql, Date.now()));
  else if (/^\/api\/v1\/jobs\/[^/]+\/actions$/.test(pathname)) void action(pathname, request, response);
  else if (pathname.startsWith('/api/')) api(pathname, response);
  else file(pathname, response);
});
server.listen(Number(values.port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port} (${values.scenario})`);
});
