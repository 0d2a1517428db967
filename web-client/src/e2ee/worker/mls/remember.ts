/** Adds to what others decide on, so within a bound: the oldest are forgotten. */
export function remember(set: Set<string>, values: Iterable<string>): void {
  for (const value of values) set.add(value);
  for (const value of set) {
    if (set.size <= MAX_REMEMBERED) break;
    set.delete(value);
  }
}

/** Ids and keys of people who come and go: many times what a room holds. */
const MAX_REMEMBERED = 4096;
