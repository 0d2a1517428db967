import type { JoinProof } from '../signaling/protocol/JoinProof';
import type { GroupReport } from '../signaling/protocol/GroupReport';
import type { FrameSender, UndecryptableReason } from './worker/decryptor';
import type { UnsentReason } from './worker/encryptor';
import type { CallerEvent, DoorClientMessage, DoorServerMessage } from './worker/door';
import type { PersonMessage } from './worker/mls/application';
import type { Credential } from './worker/mls/credential';
import type { GroupClientMessage, GroupServerMessage } from './worker/mls/session-messages';
import type { CONTEXTS } from './worker/sframe/key-id';

/** What the page and the encryption worker say to each other. */

/** What a sender sends; receivers learn it from the key that its frames need. */
export type FrameSource = keyof typeof CONTEXTS;

/** Whose frames a transform gets. */
export type TransformEnd =
  | {
      readonly direction: 'send';
      readonly source: FrameSource;
    }
  | {
      readonly direction: 'receive';
      readonly kind: 'audio' | 'video';
      /** The place it fills, which transforms that follow one another may share. */
      readonly slot: number;
    };

/** Given to each transform when it is made. */
export type TransformOptions = TransformEnd & {
  /** Unique within one worker. */
  readonly id: number;
};

/** What a slot is for: a person's camera and microphone, or a shared screen and its sound. */
export type Place = 'person' | 'screen';

/** Whose frames belong in a slot, and of what. */
export interface Occupant {
  readonly participantId: string;
  readonly place: Place;
}

/** From the page to the worker. */
export type WorkerRequest =
  | {
      /** Only where `RTCRtpScriptTransform` is missing: the streams of `createEncodedStreams()`. */
      readonly type: 'encoded-streams';
      readonly options: TransformOptions;
      readonly readable: ReadableStream;
      readonly writable: WritableStream;
    }
  | {
      /** Asks for a `frame-counts`. */
      readonly type: 'count-frames';
    }
  | {
      /** Asks for a `time` with this id, so much later. */
      readonly type: 'keep-time';
      readonly id: number;
      readonly milliseconds: number;
    }
  | {
      /** Who is in this slot from now on; frames of anybody else are dropped there. */
      readonly type: 'occupy';
      readonly slot: number;
      readonly occupant: Occupant | undefined;
    }
  | {
      /** Once, before `open-group`: makes the key that signs. Asks for an `identity`. */
      readonly type: 'create-identity';
    }
  | {
      /** Asks for a `join-proof` by that key: that whoever sends `token` has it. */
      readonly type: 'prove-join';
      readonly purpose: ProofPurpose;
      /** The server's, in base64url. */
      readonly nonce: string;
      readonly room: string;
      readonly token: string;
    }
  | {
      /** Once: who is to take part. Asks for a `key-package`. */
      readonly type: 'open-group';
      readonly credential: Credential;
      /** What those at whose door we wait may call us. */
      readonly name: string;
    }
  | {
      /** The server may have forgotten us. Asks for an `entrance`. */
      readonly type: 'rejoin-group';
    }
  | {
      /** Who is in the room by signaling's word, this client included. */
      readonly type: 'connected';
      readonly participantIds: readonly string[];
    }
  | {
      /** What the server said about the group. */
      readonly type: 'group-message';
      readonly message: GroupServerMessage;
    }
  | {
      /** Who leads the session by signaling's word. */
      readonly type: 'leaders';
      readonly participantIds: readonly string[];
    }
  | {
      /** This client may let people in. */
      readonly type: 'open-door';
    }
  | {
      /** What the server said at the door. */
      readonly type: 'door-message';
      readonly message: DoorServerMessage;
    }
  | {
      /** Something for somebody who waits. */
      readonly type: 'tell-waiting';
      readonly participantId: string;
      /** What we are called. */
      readonly from: string;
      readonly text: string;
    }
  | {
      /** Something for all members. */
      readonly type: 'tell';
      readonly message: PersonMessage;
    };

/** From the worker to the page. */
export type WorkerReport =
  | {
      /** The worker has loaded and can take transforms. */
      readonly type: 'ready';
    }
  | {
      /** Frames of this transform now go through the worker. */
      readonly type: 'transform-ready';
      readonly id: number;
    }
  | {
      /** A transform ended by an error; its frames are dropped from now on. */
      readonly type: 'transform-failed';
      readonly id: number;
      readonly reason: string;
    }
  | ({
      /** A slot's frames now are from this member; for diagnosis. */
      readonly type: 'sender';
      readonly slot: number;
      readonly kind: 'audio' | 'video';
    } & FrameSender)
  | {
      /** Frames that came in at a slot are dropped; once a second for each reason. */
      readonly type: 'undecryptable';
      readonly slot: number;
      readonly kind: 'audio' | 'video';
      readonly reason: UndecryptableReason;
    }
  | {
      /** Frames of a sender's are dropped; once a second for each reason. */
      readonly type: 'unsent';
      readonly id: number;
      readonly reason: UnsentReason;
    }
  | {
      readonly type: 'identity';
      /** The public key, Ed25519, in base64url. */
      readonly key: string;
    }
  | {
      readonly type: 'join-proof';
      readonly proof: JoinProof;
    }
  | {
      /** For the `join` message, in base64url. */
      readonly type: 'key-package';
      readonly keyPackage: string;
    }
  | {
      /** For the `join` message of one who was here before. */
      readonly type: 'entrance';
      readonly entrance: Entrance;
    }
  | {
      /** What is to be said to the server about the group. */
      readonly type: 'group-send';
      readonly message: GroupClientMessage | DoorClientMessage;
    }
  | CallerEvent
  | {
      /** Somebody who may let us in says this. */
      readonly type: 'note';
      readonly from: string;
      readonly text: string;
    }
  | ({
      /** Another epoch has begun; comes before any `sender` of it. */
      readonly type: 'epoch';
    } & GroupEpoch)
  | {
      /** This client is in its group no more: nothing is sent or shown until the next `epoch`. */
      readonly type: 'group-lost';
    }
  | {
      /** What a member told all. */
      readonly type: 'told';
      readonly participantId: string;
      /** The public signature key that it bears, in base64url. */
      readonly key: string;
      readonly message: PersonMessage;
    }
  | {
      /** Something from the server was not believed, and nothing came of it. */
      readonly type: 'group-refused';
      readonly reason: string;
    }
  | {
      /** The group's part of the worker failed and does nothing any more. */
      readonly type: 'group-failed';
      readonly reason: string;
    }
  | {
      /** The time that a `keep-time` asked for has come. */
      readonly type: 'time';
      readonly id: number;
    }
  | {
      readonly type: 'frame-counts';
      readonly counts: readonly FrameCount[];
    };

/** What `join` says of the group: where we stand in it, or what to be added by. */
export type Entrance = { readonly group: GroupReport } | { readonly keyPackage: string };

/** What the page may know of an epoch. */
export interface GroupEpoch {
  /** Grows with each change of the members or keys. */
  readonly epoch: bigint;
  /** 30 digits, equal for all who are in this epoch. */
  readonly safetyCode: string;
  /** All, this client among them. */
  readonly members: readonly GroupMember[];
}

/** Somebody in the group, by its own signed word. */
export interface GroupMember extends Credential {
  /** The place in the tree, which the key ids of frames name. */
  readonly leaf: number;
  /** The public signature key, in base64url. */
  readonly key: string;
}

/** How many encoded frames a transform took, and how many it passed on. */
export interface FrameCount {
  readonly options: TransformOptions;
  readonly taken: number;
  readonly passed: number;
  /** Of those taken, how many waited for their epoch's keys. */
  readonly waited: number;
}

/** What a proof is for: one for the one is none for the other. */
export type ProofPurpose = 'join' | 'network-test';
