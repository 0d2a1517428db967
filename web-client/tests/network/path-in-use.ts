import type { Kept } from '../browser/connections';

/**
 * Runs in the page: what its media travels over, and from where to where, such
 * as `tcp 10.9.1.2:9 to 10.9.0.1:443`.
 */
export async function pathInUse(): Promise<string> {
  type Report = Record<string, unknown>;
  const connection = (globalThis as unknown as Kept).connections.at(-1);
  const reports: Report[] = [];
  (await connection?.getStats())?.forEach((report: Report) => reports.push(report));
  const found = (id: unknown): Report | undefined => reports.find((report) => report['id'] === id);
  const transport = reports.find(({ type }) => type === 'transport');
  // Firefox has no report of the transport.
  const pair =
    found(transport?.['selectedCandidatePairId']) ??
    reports.find((one) => one['selected'] === true);
  const [local, remote] = [found(pair?.['localCandidateId']), found(pair?.['remoteCandidateId'])];
  const end = (of: Report | undefined): string =>
    `${String(of?.['address'])}:${String(of?.['port'])}`;
  return `${String(local?.['protocol'])} ${end(local)} to ${end(remote)}`;
}

/** Rules for `nft`: no UDP comes in or goes out. */
export const NO_UDP = `table inet closed {
  chain out { type filter hook output priority 0; meta l4proto udp drop; }
  chain in { type filter hook input priority 0; meta l4proto udp drop; }
}`;
