// Work begun before its result is asked for, and no more of it at a time than is wanted.

/** What `work` makes of each item, in order; it has begun with up to `count` items beyond the one last asked for. */
export async function* ahead<Item, Result>(
  items: Iterable<Item>,
  count: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const begun: Promise<Result>[] = [];
  for (const item of items) {
    const result = work(item);
    // Should the caller stop before it asks for this one, its failure is nobody's.
    result.catch(() => {});
    begun.push(result);
    if (begun.length > count) yield await begun.shift()!;
  }
  for (const result of begun) yield await result;
}

/** A function that runs what it is given, no more than `count` at a time, in the order they came. */
export function atMost(count: number): <Result>(work: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running === count) await new Promise<void>((go) => waiting.push(go));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
