// pack, on the CPU.

/** What pack works on: source (rows,sourceC,space) into k (space,C,columns), the first row at column `first`. */
export interface PackSizes {
  readonly rows: number;
  readonly sourceC: number;
  readonly space: number;
  readonly C: number;
  readonly columns: number;
  readonly first: number;
}

/** k[s,c,first+r] = source[r,c,s]; whatever else k holds stays. */
export function pack(source: ArrayLike<number>, k: Float64Array, sizes: PackSizes): void {
  const { rows, sourceC, space, C, columns, first } = sizes;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < C; c++) {
      for (let s = 0; s < space; s++) {
        const value = c < sourceC ? source[(r * sourceC + c) * space + s]! : 0;
        k[(s * C + c) * columns + first + r] = value;
      }
    }
  }
}
