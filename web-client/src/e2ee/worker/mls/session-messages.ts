import type { ClientMessage } from '../../../signaling/protocol/ClientMessage';
import type { GroupReport } from '../../../signaling/protocol/GroupReport';
import type { ServerMessage } from '../../../signaling/protocol/ServerMessage';
import type { ApplicationMessage } from './application';
import { toBase64url } from './base64url';
import type { Group, Member, StagedCommit } from './mls';

/** What the server says about the group. */
export type GroupServerMessage = Extract<ServerMessage, { type: `mls-${string}` }>;

/** What is said to the server about the group. */
export type GroupClientMessage = Extract<ClientMessage, { type: `mls-${string}` }>;

/** What a session wants done or known. */
export type SessionEvent =
  | { readonly type: 'send'; readonly message: GroupClientMessage }
  /** We are in this group no more: nothing may be sent or read under its keys. */
  | { readonly type: 'lost' }
  /** Another epoch has begun. */
  | { readonly type: 'epoch'; readonly group: Group }
  | {
      readonly type: 'application';
      readonly sender: Member;
      readonly message: ApplicationMessage;
    }
  /** What is said to newcomers is to be said again. */
  | { readonly type: 'asked' }
  /** Something that came in was not believed, and nothing came of it. */
  | {
      readonly type: 'refused';
      readonly what: GroupServerMessage['type'];
      readonly reason: string;
    };

/** Where we stand; `isComplete`: with what others need to come back by. */
export async function groupReport(group: Group, isComplete: boolean): Promise<GroupReport> {
  return {
    epoch: Number(group.epoch),
    transcriptHash: toBase64url(group.transcriptHash),
    leaf: group.ownLeaf,
    ...(isComplete ? { groupInfo: toBase64url(await group.groupInfo()) } : {}),
  };
}

/** A commit of `leaf`, made in `epoch`, that adds participants. */
export function commitMessage(
  epoch: bigint,
  leaf: number,
  staged: Omit<StagedCommit, 'merge' | 'welcome'> & Partial<Pick<StagedCommit, 'welcome'>>,
  added: readonly string[],
): GroupClientMessage {
  const { commit, welcome, groupInfo, transcriptHash } = staged;
  return {
    type: 'mls-commit',
    epoch: Number(epoch),
    leaf,
    commit: toBase64url(commit),
    ...(welcome === undefined ? {} : { welcome: toBase64url(welcome) }),
    added: [...added],
    groupInfo: toBase64url(groupInfo),
    transcriptHash: toBase64url(transcriptHash),
  };
}
