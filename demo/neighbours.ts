// Nearest neighbours by cosine, leave one out. Pure mathematics.

/** Another item of the set and its cosine similarity, -1 to 1. */
export interface Neighbour {
  readonly index: number;
  readonly similarity: number;
}

/**
 * The vectors less their common mean. Averaged VGG features are all positive, so that any two of them point the same
 * way; what tells them apart is how they differ from the average picture. No label is used.
 */
export function centred(vectors: readonly Float32Array[]): Float32Array[] {
  const length = vectors[0]?.length ?? 0;
  const mean = new Float64Array(length);
  for (const vector of vectors) {
    for (let i = 0; i < length; i++) mean[i] = mean[i]! + vector[i]! / vectors.length;
  }
  return vectors.map((vector) => vector.map((value, i) => value - mean[i]!));
}

/**
 * For every vector its `k` nearest among the others, nearest first; of two equally near, the one with the lower index.
 * A vector of zeros points nowhere: its similarity to everything is 0.
 */
export function nearestOthers(vectors: readonly Float32Array[], k: number): Neighbour[][] {
  const lengths = vectors.map((vector) => Math.sqrt(dot(vector, vector)));
  return vectors.map((vector, index) =>
    vectors
      .map((other, otherIndex) => {
        const scale = lengths[index]! * lengths[otherIndex]!;
        return { index: otherIndex, similarity: scale > 0 ? dot(vector, other) / scale : 0 };
      })
      .filter((neighbour) => neighbour.index !== index)
      .sort((a, b) => b.similarity - a.similarity || a.index - b.index)
      .slice(0, k),
  );
}

/**
 * The label with the most similarity behind it. Neighbours that point away do not vote; between equals, or where nobody
 * votes, the nearest one's label wins.
 */
export function vote(neighbours: readonly Neighbour[], labels: readonly number[]): number {
  const votes = new Map<number, number>();
  for (const { index, similarity } of neighbours) {
    const label = labels[index]!;
    votes.set(label, (votes.get(label) ?? 0) + Math.max(0, similarity));
  }
  // A map keeps the order of insertion, which is nearest first, and only a larger vote replaces the winner.
  let winner = -1;
  let most = -1;
  for (const [label, sum] of votes) {
    if (sum > most) {
      winner = label;
      most = sum;
    }
  }
  return winner;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
