// A clinic's backend: it knows who has which appointment, and signs tokens that
// say so. `PAGES` is the folder of its pages, `KEY` the private key whose public
// half the Quietroom server has.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { importPKCS8, SignJWT } from 'jose';

const { PORT = '3000', PAGES = '../plain-html', KEY = 'clinic-key.pem' } = process.env;
const { QUIETROOM = 'http://localhost:8080' } = process.env;

const key = await importPKCS8(await readFile(KEY, 'utf8'), 'EdDSA');

// Opaque ids: the Quietroom server needs no names.
const appointments = new Map([
  [
    '4711',
    {
      room: 'appointment-4711',
      roles: new Map([
        ['person-1', 'host'],
        ['person-2', 'client'],
        ['person-3', 'client'],
      ]),
    },
  ],
]);

const server = createServer((request, response) => {
  answer(request).then(
    ({ status, headers, body }) =>
      response.writeHead(status, { ...SECURITY, ...headers }).end(body),
    () => response.writeHead(500).end(),
  );
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://localhost:${PORT}/`));

async function answer(request) {
  if (!URL.canParse(request.url, ORIGIN)) return { status: 400 };
  const { pathname, searchParams } = new URL(request.url, ORIGIN);
  const appointment = /^\/appointments\/(\w+)\/token$/.exec(pathname)?.[1];
  if (appointment !== undefined && request.method === 'POST') return token(request, appointment);
  if (request.method !== 'GET') return { status: 405 };
  if (pathname === '/sign-in') return signIn(searchParams.get('person'));
  return page(pathname);
}

/** What the element asks for when the person presses "Join". */
async function token(request, id) {
  const person = personOf(request);
  const { room, roles } = appointments.get(id) ?? {};
  const role = roles?.get(person);
  if (role === undefined) return { status: 403 };
  const { thumbprint } = await json(request);
  if (typeof thumbprint !== 'string' || !/^[\w-]{43}$/.test(thumbprint)) return { status: 400 };
  const signed = await new SignJWT({ room, role, cnf: { jkt: thumbprint } })
    .setProtectedHeader({ alg: 'EdDSA' })
    .setSubject(person)
    .setJti(tokenId(id, person, thumbprint))
    .setIssuedAt()
    .setExpirationTime('5 minutes')
    .sign(key);
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify({ token: signed }),
  };
}

/** The same when a lost connection is found again: whoever was let in need not be once more. */
function tokenId(...whose) {
  return createHash('sha256').update(whose.join(' ')).digest('base64url');
}

/** Stands for your own way to sign in: whoever asks is believed. */
function signIn(person) {
  if (!/^[\w-]+$/.test(person)) return { status: 400 };
  const cookie = `person=${person}; HttpOnly; SameSite=Strict; Path=/`;
  return { status: 303, headers: { location: '/', 'set-cookie': cookie } };
}

function personOf(request) {
  return /(?:^|; )person=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
}

async function json(request) {
  let text = '';
  for await (const part of request.setEncoding('utf8')) {
    if (text.length <= 1_000) text += part;
  }
  if (text.length > 1_000) return {};
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/** A parsed path has no `..` left, and nothing in it is decoded. */
async function page(pathname) {
  const path = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
  try {
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    return {
      status: 200,
      headers: { 'content-type': type },
      body: await readFile(join(PAGES, path)),
    };
  } catch {
    return { status: 404 };
  }
}

const ORIGIN = 'http://localhost';
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};
/** Nothing inline, nothing evaluated, and the Quietroom server alone beside this one. */
const SECURITY = {
  'content-security-policy': [
    "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'",
    `connect-src 'self' ${QUIETROOM.replace('http', 'ws')}; frame-src ${QUIETROOM}`,
    "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
};
