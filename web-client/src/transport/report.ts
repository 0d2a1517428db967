/** One of the browser's, of any type. */
export type Report = Readonly<Record<string, unknown>>;

/** A figure of a report's, where it has one. */
export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
