// Which tensors of a plan may share memory: those that are never needed at the same time.

/** A tensor that lives from one step of a plan to another. */
export interface Lifetime {
  /** In bytes. */
  readonly size: number;
  /** The first and the last step that bind it. */
  readonly first: number;
  readonly last: number;
  /** Others, by their place in the list, that a step binds together with this one. */
  readonly neighbours: ReadonlySet<number>;
}

export interface Packing {
  /** Sizes of the buffers, in bytes. */
  readonly buffers: readonly number[];
  /** Where each tensor is: the buffer's place in `buffers`, and bytes from its beginning. */
  readonly places: readonly { readonly buffer: number; readonly offset: number }[];
}

/** WebGPU binds memory that begins at a multiple of this (minStorageBufferOffsetAlignment's default). */
export const ALIGNMENT = 256;

/**
 * Packs tensors into few buffers. Tensors whose lifetimes overlap get bytes of their own; tensors that a step binds together get
 * different buffers, because WebGPU lets no step both read and write a buffer.
 *
 * Greedy, each tensor where the buffers grow least, in two orders, of which the better is taken. The largest first is as in
 * Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020, arXiv:2001.03288. In the order of the steps,
 * a chain of layers goes back and forth between two buffers; the largest first may leave a tensor with neighbours in both, which
 * then needs a third.
 *
 * @param maxBuffer  bytes that a buffer may have; a tensor that is larger gets a buffer that cannot be made
 */
export function packLifetimes(tensors: readonly Lifetime[], maxBuffer: number): Packing {
  const bySize = [...tensors.keys()].sort((a, b) => tensors[b]!.size - tensors[a]!.size || a - b);
  const byStep = [...tensors.keys()].sort((a, b) => tensors[a]!.first - tensors[b]!.first || a - b);
  const [one, other] = [bySize, byStep].map((order) => packInOrder(tensors, order, maxBuffer));
  return bytesOf(other!) < bytesOf(one!) ? other! : one!;
}

function bytesOf({ buffers }: Packing): number {
  return buffers.reduce((sum, size) => sum + size, 0);
}

function packInOrder(tensors: readonly Lifetime[], order: readonly number[], maxBuffer: number): Packing {
  const buffers: { size: number; held: number[] }[] = [];
  const places: { buffer: number; offset: number }[] = new Array(tensors.length);
  for (const index of order) {
    const tensor = tensors[index]!;
    let best: { buffer: number; offset: number; growth: number } | undefined;
    for (const [buffer, { size, held }] of buffers.entries()) {
      if (held.some((other) => tensor.neighbours.has(other))) continue;
      const busy = held.filter((other) => overlap(tensor, tensors[other]!));
      const offset = firstGap(
        busy.map((other) => [places[other]!.offset, places[other]!.offset + tensors[other]!.size]),
        tensor.size,
      );
      if (offset + tensor.size > Math.max(maxBuffer, 0)) continue;
      const growth = Math.max(0, offset + tensor.size - size);
      if (!best || growth < best.growth) best = { buffer, offset, growth };
    }
    best ??= { buffer: buffers.push({ size: 0, held: [] }) - 1, offset: 0, growth: tensor.size };
    const { buffer, offset, growth } = best;
    buffers[buffer]!.held.push(index);
    buffers[buffer]!.size += growth;
    places[index] = { buffer, offset };
  }
  return { buffers: buffers.map(({ size }) => size), places };
}

function overlap(a: Lifetime, b: Lifetime): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** The lowest aligned offset at which `size` bytes are free. */
function firstGap(busy: [start: number, end: number][], size: number): number {
  let offset = 0;
  for (const [start, end] of busy.sort(([a], [b]) => a - b)) {
    if (offset + size <= start) return offset;
    offset = Math.max(offset, Math.ceil(end / ALIGNMENT) * ALIGNMENT);
  }
  return offset;
}
