import { afterEach, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { BLUE, GREEN, Participant, type Person, RED } from '../browser/participant';
import { bare } from './bare';
import { decode } from './ffmpeg';
import { HostileServer } from './hostile-server';
import { emblem, whoIsIn } from './likeness';
import { joinInTheClear } from './plain-client';
import type { Recording, Way } from './recording';
import { searchForms } from './search';

describe('a server that records all it can read', () => {
  let server: HostileServer | undefined;
  let participants: Participant[] = [];

  async function gather(
    encryption: 'required' | 'optional',
    people: readonly Person[],
  ): Promise<[HostileServer, Participant[]]> {
    server = await HostileServer.start(encryption);
    participants = await Promise.all(
      people.map((person) => Participant.start({ ...person, painter: emblem(person.colour) })),
    );
    return [server, participants];
  }

  beforeEach(() => {
    onTestFailed(() => {
      console.error(`server:\n${server?.output.join('') ?? ''}`);
      for (const { person, console: lines } of participants) {
        console.error(`page of ${person.name}:\n${lines.join('\n')}`);
      }
    });
  });

  afterEach(async () => {
    await Promise.allSettled(participants.map((participant) => participant.close()));
    await server?.stop();
  });

  test('has nobody’s picture, voice, name or word', async () => {
    const [hostile, people] = await gather('required', [RED, GREEN, BLUE]);
    for (const [index, participant] of people.entries()) {
      const token = await hostile.token(ROOM);
      await participant.open(hostile.link(token, NAMES[index] ?? ''));
    }
    await Promise.all(people.map((participant) => participant.meets(2)));
    await expect
      .poll(() => Promise.all(people.map((participant) => participant.tiles())), POLL)
      .toEqual([
        [tile('green'), tile('blue')],
        [tile('red'), tile('blue')],
        [tile('red'), tile('green')],
      ]);
    const [speaker, ...listeners] = people as [Participant, ...Participant[]];
    const heard = listeners.map((listener) => listener.page.evaluate(listen, WORDS.length));
    await speaker.page.evaluate(speak, WORDS);
    expect(await Promise.all(heard)).toEqual([WORDS, WORDS]);
    for (const participant of people) {
      const others = NAMES.filter((name) => name !== NAMES[people.indexOf(participant)]);
      await expect.poll(() => participant.page.evaluate(names), POLL).toEqual(others.sort());
    }

    await speaker.page.waitForTimeout(LISTEN_MS);
    const recording = await hostile.recording();
    console.log(`recorded: ${JSON.stringify(recording.counts)}`);
    // It did record: what it may know is there, and every stream is.
    expect(recording.find(ROOM).join()).toMatch(/base64/);
    expect(streamCounts(recording, 'in')).toEqual({ red: 3, vp8: 3 });
    expect(streamCounts(recording, 'out')).toEqual({ red: 6, vp8: 6 });
    for (const streams of [recording.streams, recording.streams.map(bare)]) {
      expect(whoIsIn(await decode(streams))).toEqual({ seen: [], heard: [] });
    }
    for (const word of [...NAMES, ...WORDS]) {
      expect(recording.find(word), word).toEqual([]);
    }
    expect(hostile.isWell).toBe(true);
  });

  test('has both people’s picture and voice where they do not encrypt', async () => {
    const [hostile, people] = await gather('optional', [RED, GREEN]);
    for (const participant of people) {
      await joinInTheClear(participant, hostile.origin, await hostile.token(ROOM));
    }
    await people[0]?.page.waitForTimeout(LISTEN_MS);

    const recording = await hostile.recording();
    expect(streamCounts(recording, 'in')).toEqual({ red: 2, vp8: 2 });
    const { streams } = recording;
    for (const way of ['in', 'out'] as const) {
      const decoded = await decode(streams.filter((stream) => stream.way === way));
      expect(whoIsIn(decoded), way).toEqual({ seen: ['red', 'green'], heard: ['red', 'green'] });
    }
  });
});

test('the search finds a word in whichever form it hides', () => {
  const word = 'Zoë 👩‍🌾 says';
  const hidden: Buffer[] = [
    Buffer.from(`name: ${word}!`),
    Buffer.from(JSON.stringify({ name: word }).replace(/[^ -~]/g, escaped)),
    Buffer.from(Buffer.from(`{"n":"${word}"}`).toString('base64')),
    Buffer.from(Buffer.from(`{"nn":"${word}"}`).toString('base64url')),
    Buffer.from(Buffer.from(`{"nnn":"${word}"}`).toString('base64')),
    Buffer.from(Buffer.from(word).toString('hex')),
    Buffer.from(new URLSearchParams({ word }).toString().replaceAll('+', '%20')),
    Buffer.from(word, 'utf16le'),
  ];
  const forms = searchForms(word);
  for (const [index, bytes] of hidden.entries()) {
    expect(
      forms.some((form) => bytes.includes(form.bytes)),
      String(index),
    ).toBe(true);
  }
  expect(forms.some((form) => Buffer.from('Zoe says nothing').includes(form.bytes))).toBe(false);
});

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function tile(name: string): { seen: string; heard: string } {
  return { seen: name, heard: name };
}

/** Of how many of each codec there are frames enough to be known by: publishers, or places that they are sent to. */
function streamCounts(recording: Recording, way: Way): { red: number; vp8: number } {
  const count = (wanted: string): number => {
    const streams = recording.streams.filter(
      ({ way: its, codec, frames }) => its === way && codec === wanted && frames.length >= MANY,
    );
    // A camera in simulcast is one stream for each of its layers.
    return way === 'out'
      ? streams.length
      : new Set(streams.map(({ participant }) => participant)).size;
  };
  return { red: count('red'), vp8: count('vp8') };
}

/** Runs in the page: the first of the words is a reaction, the others are written. */
function speak([reaction, ...texts]: string[]): void {
  const room = document.querySelector('quiet-room')?.room;
  room?.react(reaction ?? '');
  for (const text of texts) room?.sendChat(text);
}

/** Runs in the page: what others say, until it is `count` things. */
function listen(count: number): Promise<string[]> {
  const room = document.querySelector('quiet-room')?.room;
  const heard: string[] = [];
  return new Promise((resolve) => {
    const hear = (_: unknown, text: string): void => {
      heard.push(text);
      if (heard.length === count) resolve(heard);
    };
    room?.on('reaction', hear);
    room?.on('chatMessage', hear);
  });
}

/** Runs in the page: what the others are called. */
function names(): string[] {
  const participants = document.querySelector('quiet-room')?.room?.participants ?? [];
  return participants.map(({ name }) => name).sort();
}

const ROOM = 'room-known-to-all';
const NAMES = ['Wilhelmine Quastenflosser', 'Zoë Brontë-Łukasiewicz', 'Помидорка Иванова'];
const WORDS = ['👩‍🌾🦦👩‍🌾', 'the heron stood in the reeds', 'Käsefüße & “Gänsehaut” 🪿🪿🪿'];
const POLL = { timeout: 20_000 };
/** Frames: more than a second of pictures. */
const MANY = 20;
/** With encryption and without, so that what is found in the one would be in the other. */
const LISTEN_MS = 4_000;
