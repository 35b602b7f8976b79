// metrics in float64.

/** Mean loss, share of hits and number of pictures of rows (N,4): weighted loss, weight, hit, counted. */
export function metrics(rows: ArrayLike<number>): { loss: number; accuracy: number; count: number } {
  const [loss, weight, hits, count] = [0, 1, 2, 3].map((column) => {
    let sum = 0;
    for (let i = column; i < rows.length; i += 4) sum += rows[i]!;
    return sum;
  }) as [number, number, number, number];
  return { loss: loss / weight, accuracy: hits / count, count };
}
