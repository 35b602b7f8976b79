// Watches what is allocated. Memory that is asked for and not written to does not show in the process' size, so the
// constructors are asked.

const WATCHED = [
  'ArrayBuffer',
  'SharedArrayBuffer',
  'Uint8Array',
  'Int8Array',
  'Uint16Array',
  'Uint32Array',
  'Int32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
] as const;

/** Runs an action and tells the largest buffer that was made meanwhile, in bytes, whether it succeeded or not. */
export async function watchAllocations<T>(action: () => Promise<T>): Promise<{ result: T; largest: number }> {
  let largest = 0;
  const note = (bytes: number) => {
    largest = Math.max(largest, bytes);
  };
  const globals = globalThis as unknown as Record<string, { BYTES_PER_ELEMENT?: number }>;
  const originals = WATCHED.map((name) => [name, globals[name]!] as const);
  for (const [name, original] of originals) {
    const watched: object = new Proxy(original as object as new () => object, {
      construct(target, args: unknown[], newTarget) {
        if (typeof args[0] === 'number') note(args[0] * (original.BYTES_PER_ELEMENT ?? 1));
        return Reflect.construct(target, args, newTarget === watched ? target : newTarget) as object;
      },
    });
    globals[name] = watched as never;
  }
  const { alloc, allocUnsafe } = Buffer;
  Buffer.alloc = (size: number, ...rest: []) => {
    note(size);
    return alloc(size, ...rest);
  };
  Buffer.allocUnsafe = (size) => {
    note(size);
    return allocUnsafe(size);
  };
  try {
    return { result: await action(), largest };
  } finally {
    Object.assign(Buffer, { alloc, allocUnsafe });
    for (const [name, original] of originals) globals[name] = original;
  }
}
