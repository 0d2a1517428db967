/** Somebody in front of a browser, whichever that is. */
export interface Attendee {
  readonly name: string;
  /** Whatever the page wrote to its console or threw, oldest first. */
  readonly console: readonly string[];
  /** Runs `work` in the page; what goes in and out is copied. */
  evaluate<Result, Argument>(
    work: (argument: Argument) => Result | Promise<Result>,
    argument?: Argument,
  ): Promise<Result>;
  /** Has `script` run in every page that comes, before the page's own. */
  prepare(script: () => void): Promise<void>;
  open(link: string): Promise<void>;
  /** Resolves once the page shows `count` others, and fails after some seconds. */
  meets(count: number): Promise<void>;
  ids(): Promise<string[]>;
  /** Ends the browser; safe to call twice. */
  close(): Promise<void>;
}
