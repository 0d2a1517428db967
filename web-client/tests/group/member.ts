import { Timers } from '../../src/browser/timers';
import { createCredential, type ParticipantName } from '../../src/e2ee/credential';
import type { Entrance, GroupEpoch, WorkerReport } from '../../src/e2ee/messages';
import { GroupWorker } from '../../src/e2ee/worker/group-worker';
import type { Credential } from '../../src/e2ee/worker/mls/credential';
import type { GroupServerMessage } from '../../src/e2ee/worker/mls/session-messages';
import { toHex } from '../../src/e2ee/worker/sframe/hex';
import { Rejoin } from '../../src/room/rejoin';
import { SignalingConnection, SUBPROTOCOL } from '../../src/signaling/connection';
import type { ClientMessage } from '../../src/signaling/protocol/ClientMessage';
import type { ServerMessage } from '../../src/signaling/protocol/ServerMessage';

/** A participant without a browser: the worker's own group code on a real websocket. */
export class Member {
  readonly credential: Credential;
  readonly told: [participantId: string, text: string][] = [];
  readonly refusals: string[] = [];
  epoch: GroupEpoch | undefined;
  /** The present epoch's base key, in hex. */
  key: string | undefined;
  readonly #worker: GroupWorker;
  readonly #connected = new Set<string>();
  readonly #token: string;
  readonly #name: ParticipantName;
  readonly #address: string;
  readonly #rejoin = new Rejoin(
    () => {
      this.#connection = this.#connect();
      this.#worker.handle({ type: 'rejoin-group' });
    },
    new Timers(),
    () => false,
  );
  #connection: SignalingConnection;
  /** How often a broken connection was resumed, and how often it was joined again. */
  resumed = 0;
  rejoined = 0;
  #hasLeft = false;
  #isSilent = false;

  constructor(origin: string, token: string) {
    this.#token = token;
    const { credential, name } = createCredential(token);
    this.credential = credential;
    this.#name = name;
    this.#worker = new GroupWorker(
      {
        install: ({ baseKey }) => {
          this.key = toHex(baseKey);
          return Promise.resolve();
        },
        forgetAll: () => {
          this.key = undefined;
        },
      },
      (report) => {
        this.#handleReport(report);
      },
    );
    this.#address = `${origin.replace('http', 'ws')}/v1/signal`;
    this.#connection = this.#connect();
    this.#worker.handle({ type: 'open-group', credential: this.credential, name: '' });
  }

  say(text: string): void {
    this.#worker.handle({ type: 'tell', message: { type: 'chat', text } });
  }

  /** Says something to the server that the group's code did not. */
  forge(message: ClientMessage): void {
    this.#connection.send(message);
  }

  /** Says nothing about the group any more. */
  fallSilent(): void {
    this.#isSilent = true;
  }

  leave(): void {
    this.#rejoin.end();
    this.#hasLeft = true;
    this.#send({ type: 'leave' });
    this.#connection.close();
  }

  #connect(): SignalingConnection {
    const connection = new SignalingConnection(() => new WebSocket(this.#address, SUBPROTOCOL));
    connection.on('message', (message) => {
      this.#handleMessage(message);
    });
    connection.on('resumed', () => {
      this.resumed += 1;
    });
    connection.on('closed', () => {
      if (!this.#hasLeft) this.#rejoin.plan();
    });
    // Node's websocket does not tell of every end.
    this.#rejoin.limit(JOIN_TIMEOUT, () => {
      connection.close();
      this.#rejoin.plan();
    });
    return connection;
  }

  #handleReport(report: WorkerReport): void {
    switch (report.type) {
      case 'key-package':
        this.#join({ keyPackage: report.keyPackage });
        break;
      case 'group-send':
        if (!this.#isSilent) this.#send(report.message);
        break;
      case 'epoch':
        this.epoch = report;
        break;
      case 'group-lost':
        this.epoch = undefined;
        break;
      case 'told':
        if (report.message.type === 'chat') {
          this.told.push([report.participantId, report.message.text]);
        }
        break;
      case 'group-refused':
      case 'group-failed':
        this.refusals.push(report.reason);
        break;
      case 'entrance':
        this.#join(report.entrance);
        break;
      default:
        break;
    }
  }

  #handleMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'joined':
        if (this.#rejoin.isUnderWay) this.rejoined += 1;
        this.#rejoin.end();
        this.#connected.clear();
        for (const { id } of message.participants) this.#connected.add(id);
        this.#announce();
        break;
      case 'participant-joined':
        this.#connected.add(message.participant.id);
        this.#announce();
        break;
      case 'participant-left':
        this.#connected.delete(message.participantId);
        this.#announce();
        break;
      case 'error':
        if (message.fatal && !this.#hasLeft) this.#rejoin.plan();
        this.refusals.push(message.message);
        break;
      default:
        if (isGroupMessage(message)) this.#worker.handle({ type: 'group-message', message });
    }
  }

  #join(entrance: Entrance): void {
    this.#send({ type: 'join', token: this.#token, ...this.#name, ...entrance });
  }

  #announce(): void {
    this.#worker.handle({ type: 'connected', participantIds: [...this.#connected] });
  }

  #send(message: ClientMessage): void {
    this.#connection.send(message);
  }
}

function isGroupMessage(message: ServerMessage): message is GroupServerMessage {
  return message.type.startsWith('mls-');
}

/** In ms. */
const JOIN_TIMEOUT = 8000;
