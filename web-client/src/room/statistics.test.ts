import { expect, test } from 'vitest';
import type { Report } from '../transport/report';
import { StatisticsReader } from './statistics';

const OWNERS = {
  sent: new Map([['1', 'camera' as const]]),
  received: new Map([['voice', { source: 'microphone' as const, participantId: 'ben' }]]),
};

function reports(at: number, bytes: number): Report[] {
  return [
    { id: 'T', type: 'transport', timestamp: at, selectedCandidatePairId: 'P' },
    {
      id: 'P',
      type: 'candidate-pair',
      currentRoundTripTime: 0.05,
      availableOutgoingBitrate: 900_000,
      localCandidateId: 'L',
    },
    { id: 'L', type: 'local-candidate', candidateType: 'host', protocol: 'udp' },
    { id: 'C', type: 'codec', mimeType: 'video/VP8' },
    { id: 'R', type: 'remote-inbound-rtp', roundTripTime: 0.04, fractionLost: 0.25 },
    {
      id: 'O',
      type: 'outbound-rtp',
      timestamp: at,
      mid: '1',
      rid: 'h',
      codecId: 'C',
      remoteId: 'R',
      bytesSent: bytes,
      frameWidth: 640,
      qualityLimitationReason: 'none',
    },
    {
      id: 'I',
      type: 'inbound-rtp',
      timestamp: at,
      trackIdentifier: 'voice',
      bytesReceived: bytes / 2,
      packetsReceived: 90,
      packetsLost: 10,
      jitter: 0.003,
      jitterBufferDelay: 4.8,
      jitterBufferEmittedCount: 96,
      concealedSamples: 48,
      totalSamplesReceived: 4800,
    },
    // Of a track that is nobody's any more.
    { id: 'X', type: 'inbound-rtp', timestamp: at, trackIdentifier: 'gone', bytesReceived: 0 },
  ];
}

test('bitrates are of the time between two calls, in bits per second', () => {
  const reader = new StatisticsReader();
  expect(reader.read(reports(1000, 10_000), OWNERS).connection.sentBitrate).toBe(0);

  const { connection, sent, received } = reader.read(reports(3000, 60_000), OWNERS);

  expect(sent.map(({ bitrate }) => bitrate)).toEqual([200_000]);
  expect(received.map(({ bitrate }) => bitrate)).toEqual([100_000]);
  expect(connection).toEqual({
    sentBitrate: 200_000,
    receivedBitrate: 100_000,
    roundTripTime: 50,
    availableOutgoingBitrate: 900_000,
    protocol: 'udp',
    path: 'udp',
  });
});

test('times are in ms, shares of 1, and what the browser does not tell is absent', () => {
  const { sent, received } = new StatisticsReader().read(reports(1000, 0), OWNERS);

  expect(sent).toEqual([
    {
      source: 'camera',
      bitrate: 0,
      codec: 'video/VP8',
      layer: 'h',
      roundTripTime: 40,
      lossRatio: 0.25,
      frameWidth: 640,
    },
  ]);
  expect(received).toEqual([
    {
      source: 'microphone',
      participantId: 'ben',
      bitrate: 0,
      lossRatio: 0.1,
      jitter: 3,
      jitterBufferDelay: 50,
      concealedRatio: 0.01,
    },
  ]);
});

test('a browser without reports gives empty ones', () => {
  expect(new StatisticsReader().read([], OWNERS)).toEqual({
    connection: { sentBitrate: 0, receivedBitrate: 0 },
    sent: [],
    received: [],
  });
});
