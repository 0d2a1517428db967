import { pathOf, selectedPair, type TransportPath } from '../transport/path';
import { number, type Report } from '../transport/report';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';

/**
 * What the browser has measured up to now. Counts and shares are since the
 * track's beginning, bitrates means since the call before, and 0 at the first.
 * What a browser does not tell is absent.
 */
export interface RoomStatistics {
  /** Of the connection that carries all media. */
  readonly connection: ConnectionStatistics;
  /** What is sent, by source; of a camera in several layers one entry each. */
  readonly sent: readonly SentStatistics[];
  /** What is received, by whose it is and source. */
  readonly received: readonly ReceivedStatistics[];
}

/** The connection to the server, which carries all media. */
export interface ConnectionStatistics {
  /** To the server and back, in ms. */
  readonly roundTripTime?: number;
  /** What the browser thinks that it can send, in bits per second. */
  readonly availableOutgoingBitrate?: number;
  /** In bits per second, all headers below RTP left out. */
  readonly sentBitrate: number;
  /** In bits per second, all headers below RTP left out. */
  readonly receivedBitrate: number;
  /** `udp` or `tcp`; of a relay what it sends on. */
  readonly protocol?: string;
  /** Which way media goes. */
  readonly path?: TransportPath;
}

/** One stream that this client sends. */
export interface SentStatistics {
  /** Which of a participant’s. */
  readonly source: PublicationSource;
  /** Bits per second, retransmissions among them. */
  readonly bitrate: number;
  /** Such as `video/VP8`. */
  readonly codec?: string;
  /** The layer's name, of a camera in several. */
  readonly layer?: string;
  /** To the server and back, in ms. */
  readonly roundTripTime?: number;
  /** Lost on the way to the server and beyond, a share of 1. */
  readonly lossRatio?: number;
  /** In pixels. */
  readonly frameWidth?: number;
  /** In pixels. */
  readonly frameHeight?: number;
  /** Of the last second. */
  readonly framesPerSecond?: number;
  /** Pictures since the beginning. */
  readonly framesEncoded?: number;
  /** `bandwidth`, `cpu` or another reason why pictures are less than they could be. */
  readonly limitedBy?: string;
}

/** One stream that this client receives. */
export interface ReceivedStatistics {
  /** Which of a participant’s. */
  readonly source: PublicationSource;
  /** Whose it is. */
  readonly participantId: string;
  /** Bits per second, retransmissions among them. */
  readonly bitrate: number;
  /** Such as `video/VP8`. */
  readonly codec?: string;
  /** Never repaired, a share of 1. */
  readonly lossRatio: number;
  /** How unevenly packets come, in ms. */
  readonly jitter?: number;
  /** How long they wait for their turn, in ms; a mean. */
  readonly jitterBufferDelay?: number;
  /** In pixels. */
  readonly frameWidth?: number;
  /** In pixels. */
  readonly frameHeight?: number;
  /** Of the last second. */
  readonly framesPerSecond?: number;
  /** Pictures since the beginning. */
  readonly framesDecoded?: number;
  /** Of those, how many came too late to be shown. */
  readonly framesDropped?: number;
  /** How often the picture stood still. */
  readonly freezeCount?: number;
  /** In ms. */
  readonly freezeDuration?: number;
  /** Sound made up for what was missing, a share of 1. */
  readonly concealedRatio?: number;
}

/** What belongs to each track that is there now. */
export interface TrackOwners {
  readonly sent: ReadonlyMap<string, PublicationSource>;
  readonly received: ReadonlyMap<string, { source: PublicationSource; participantId: string }>;
}

/** Reads the browser's reports, and keeps what rates are reckoned from. */
export class StatisticsReader {
  #before = new Map<string, Count>();

  /** Takes all reports of one call of `getStats()`, by their ids. */
  read(reports: Iterable<Report>, owners: TrackOwners): RoomStatistics {
    const all = new Map<string, Report>();
    for (const report of reports) all.set(String(report['id']), report);
    const counts = new Map<string, Count>();
    const rate = (id: string, bytes: number, at: number): number => {
      counts.set(id, { bytes, at });
      const before = this.#before.get(id);
      const elapsed = at - (before?.at ?? at);
      if (before === undefined || elapsed <= 0) return 0;
      return Math.max(0, Math.round(((bytes - before.bytes) * 8000) / elapsed));
    };
    const sent: SentStatistics[] = [];
    const received: ReceivedStatistics[] = [];
    const totals = { sent: 0, received: 0 };
    for (const [id, report] of all) {
      const at = number(report['timestamp']) ?? 0;
      if (report['type'] === 'outbound-rtp') {
        const bitrate = rate(id, number(report['bytesSent']) ?? 0, at);
        totals.sent += bitrate;
        const source = owners.sent.get(String(report['mid']));
        if (source !== undefined) sent.push(ofSent(report, all, source, bitrate));
      } else if (report['type'] === 'inbound-rtp') {
        const bitrate = rate(id, number(report['bytesReceived']) ?? 0, at);
        totals.received += bitrate;
        const owner = owners.received.get(String(report['trackIdentifier']));
        if (owner !== undefined) received.push(ofReceived(report, all, owner, bitrate));
      }
    }
    this.#before = counts;
    return { connection: ofConnection(all, totals), sent, received };
  }
}

interface Count {
  readonly bytes: number;
  /** In ms. */
  readonly at: number;
}

function ofConnection(
  all: ReadonlyMap<string, Report>,
  totals: { sent: number; received: number },
): ConnectionStatistics {
  const pair = selectedPair(all);
  const local = all.get(String(pair?.['localCandidateId']));
  return {
    sentBitrate: totals.sent,
    receivedBitrate: totals.received,
    ...some('roundTripTime', milliseconds(pair?.['currentRoundTripTime'])),
    ...some('availableOutgoingBitrate', number(pair?.['availableOutgoingBitrate'])),
    ...some('protocol', text(local?.['protocol'])),
    ...some('path', pathOf(local)),
  };
}

function ofSent(
  report: Report,
  all: ReadonlyMap<string, Report>,
  source: PublicationSource,
  bitrate: number,
): SentStatistics {
  const remote = all.get(String(report['remoteId']));
  return {
    source,
    bitrate,
    ...some('codec', text(all.get(String(report['codecId']))?.['mimeType'])),
    ...some('layer', text(report['rid'])),
    ...some('roundTripTime', milliseconds(remote?.['roundTripTime'])),
    ...some('lossRatio', number(remote?.['fractionLost'])),
    ...pictures(report),
    ...some('framesEncoded', number(report['framesEncoded'])),
    ...some('limitedBy', limitation(report['qualityLimitationReason'])),
  };
}

function ofReceived(
  report: Report,
  all: ReadonlyMap<string, Report>,
  owner: { source: PublicationSource; participantId: string },
  bitrate: number,
): ReceivedStatistics {
  const lost = Math.max(0, number(report['packetsLost']) ?? 0);
  const came = number(report['packetsReceived']) ?? 0;
  const waited = milliseconds(report['jitterBufferDelay']);
  return {
    ...owner,
    bitrate,
    lossRatio: share(lost, lost + came) ?? 0,
    ...some('codec', text(all.get(String(report['codecId']))?.['mimeType'])),
    ...some('jitter', milliseconds(report['jitter'])),
    ...some('jitterBufferDelay', share(waited, number(report['jitterBufferEmittedCount']))),
    ...pictures(report),
    ...some('framesDecoded', number(report['framesDecoded'])),
    ...some('framesDropped', number(report['framesDropped'])),
    ...some('freezeCount', number(report['freezeCount'])),
    ...some('freezeDuration', milliseconds(report['totalFreezesDuration'])),
    ...some(
      'concealedRatio',
      share(number(report['concealedSamples']), number(report['totalSamplesReceived'])),
    ),
  };
}

function pictures(
  report: Report,
): Pick<SentStatistics, 'frameWidth' | 'frameHeight' | 'framesPerSecond'> {
  return {
    ...some('frameWidth', number(report['frameWidth'])),
    ...some('frameHeight', number(report['frameHeight'])),
    ...some('framesPerSecond', number(report['framesPerSecond'])),
  };
}

function limitation(value: unknown): string | undefined {
  return value === 'none' ? undefined : text(value);
}

function some<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): Partial<Record<Name, Value>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, Value>);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Of seconds. */
function milliseconds(value: unknown): number | undefined {
  const seconds = number(value);
  return seconds === undefined ? undefined : seconds * 1000;
}

function share(part: number | undefined, whole: number | undefined): number | undefined {
  if (part === undefined || whole === undefined || whole <= 0) return undefined;
  return part / whole;
}
