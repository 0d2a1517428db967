// Holds every npm package in a lock file to the licences that deny.toml allows.
//
//   node .ci/npm-licences.mjs web-client/package-lock.json

import { readFileSync } from 'node:fs';

const allowed = allowedLicences(readFileSync(new URL('../deny.toml', import.meta.url), 'utf8'));
const [lockFile] = process.argv.slice(2);
if (lockFile === undefined) fail('name the package-lock.json to check');

const { packages } = JSON.parse(readFileSync(lockFile, 'utf8'));
// Links lead to packages of this repository.
const installed = Object.entries(packages).filter(([path, { link }]) => path.includes('node_modules/') && !link);
if (installed.length === 0) fail(`${lockFile} lists no package`);

const refused = installed
  .filter(([, { license }]) => !permits(license))
  .map(([path, { version, license }]) => `  ${path.replace(/^.*node_modules\//, '')} ${version}: ${license ?? 'no licence given'}`);
if (refused.length > 0) fail(`licences that deny.toml does not allow:\n${refused.join('\n')}`);
console.log(`licences of ${installed.length} npm packages ok`);

function allowedLicences(toml) {
  const list = /^\[licenses\]$[^[]*^allow = \[([^\]]*)\]/m.exec(toml)?.[1];
  const names = [...(list ?? '').matchAll(/"([^"]+)"/g)].map(([, name]) => name);
  if (names.length === 0) fail('deny.toml has no [licenses] with an `allow` list');
  return new Set(names);
}

/** Whether an SPDX expression leaves us a choice that is allowed. Anything it cannot read is refused. */
function permits(expression) {
  if (typeof expression !== 'string') return false;
  const choice = expression.trim().replace(/^\(([^()]*)\)$/, '$1');
  if (choice.includes('(')) return false;
  return choice.split(' OR ').some((all) => all.split(' AND ').every((name) => allowed.has(name.trim())));
}

function fail(reason) {
  console.error(`npm licences: ${reason}`);
  process.exit(1);
}
