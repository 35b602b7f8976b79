// How much a picture of each class counts in the loss.

/**
 * Weights under which all classes count the same, however many pictures each has: N / (K * n), as scikit-learn's
 * `class_weight="balanced"`. A class without pictures weighs nothing.
 *
 * @param counts  (classes): training pictures of each
 */
export function balancedWeights(counts: ArrayLike<number>): number[] {
  const all = Array.from(counts);
  const total = all.reduce((sum, count) => sum + count, 0);
  return all.map((count) => (count === 0 ? 0 : total / (all.length * count)));
}

/** How many of the samples each class has. */
export function countClasses(samples: readonly { readonly label: number }[], classes: number): Uint32Array {
  const counts = new Uint32Array(classes);
  for (const { label } of samples) counts[label]!++;
  return counts;
}
