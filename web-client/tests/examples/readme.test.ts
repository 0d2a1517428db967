import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, onTestFailed, test } from 'vitest';
import { Participant, RED } from '../browser/participant.ts';
import { mint } from '../browser/server.ts';
import { documented } from './documented.ts';
import { Processes, REPOSITORY } from './processes.ts';
import { Visitor } from './visitor.ts';

const processes = new Processes();
const target = join(REPOSITORY, 'target');
let browser: Participant | undefined;

afterAll(async () => {
  await browser?.close();
  await processes.end();
});

test('fewer than 15 lines of the README lead to a room in a page of one’s own', async () => {
  onTestFailed(() => {
    console.error(processes.output.join(''));
  });
  const [block = '', ...others] = documented('README.md', 'sh', '<quiet-room');
  expect(others).toEqual([]);
  expect(block.trim().split('\n').length).toBeLessThan(15);
  for (const made of ['clinic', 'clinic.toml', 'clinic.pem', 'clinic.jwks.json']) {
    rmSync(join(target, made), { recursive: true, force: true });
  }

  processes.start(['bash', '-euo', 'pipefail', '-c', block]);
  browser = await Participant.start(RED, { width: 320, height: 180, frames: 10 });
  await processes.answering('http://localhost:3000/', 50_000);
  await processes.answering('http://localhost:8080/healthz');

  const therapist = await Visitor.start(browser);
  await therapist.page.goto('http://localhost:3000/');
  await therapist.join();
  const client = await Visitor.start(browser);
  const token = await mint(target, 'demo', 'client', 'clinic');
  const page = readFileSync(join(target, 'clinic/index.html'), 'utf8');
  writeFileSync(
    join(target, 'clinic/client.html'),
    page.replace(/token="[^"]*"/, `token="${token}"`),
  );
  await client.page.goto('http://localhost:3000/client.html');
  await client.join();
  await Promise.all([therapist.sees(1), client.sees(1)]);
  // The page's own style says nothing of it.
  const { height } = (await therapist.page.locator('quiet-room').boundingBox())!;
  expect(height / therapist.page.viewportSize()!.height).toBeCloseTo(0.8, 2);
});
