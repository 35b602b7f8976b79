// pack, on the CPU.

/** What pack copies: for all i_a below `size` of axis a, k[to + sum i_a*to_a] = source[from + sum i_a*from_a]. */
export interface PackBox {
  readonly axes: readonly { readonly size: number; readonly from: number; readonly to: number }[];
  readonly from: number;
  readonly to: number;
}

/** Copies a box of `source` into `k`; whatever else k holds stays. */
export function pack(source: ArrayLike<number>, k: Float64Array, { axes, from, to }: PackBox): void {
  const [axis, ...inner] = axes;
  if (!axis) {
    k[to] = source[from]!;
    return;
  }
  for (let i = 0; i < axis.size; i++) {
    pack(source, k, { axes: inner, from: from + i * axis.from, to: to + i * axis.to });
  }
}
