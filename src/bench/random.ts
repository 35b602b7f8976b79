// Seeded random numbers for tests and benchmarks: the same on every machine, and fast enough for 138 million weights.

export interface Random {
  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number;
  /** A whole number from 0 to `limit` - 1, for limits up to 2^32. */
  below(limit: number): number;
  /** A number in [0, 1), a multiple of 2^-32. */
  uniform(): number;
  /** A number of the standard normal distribution. */
  normal(): number;
}

/**
 * The generator xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018), whose
 * state is filled from the seed by a multiplicative hash, so that neighbouring seeds have nothing in common.
 *
 * @param seed  its lower 32 bits count
 */
export function seededRandom(seed: number): Random {
  const s = new Int32Array(4);
  for (let i = 0, state = seed | 0; i < 4; i++) {
    state = (state + 0x9e3779b9) | 0;
    s[i] = mixed(state);
  }

  const uint32 = () => {
    const product = Math.imul(s[1]!, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const shifted = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result >>> 0;
  };
  const uniform = () => uint32() / 2 ** 32;

  // Marsaglia's polar method gives two normal numbers at a time.
  let spare = Number.NaN;
  const normal = () => {
    if (!Number.isNaN(spare)) {
      const kept = spare;
      spare = Number.NaN;
      return kept;
    }
    let x = 0;
    let y = 0;
    let square = 0;
    do {
      x = uniform() * 2 - 1;
      y = uniform() * 2 - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    spare = y * factor;
    return x * factor;
  };

  return { uint32, below: (limit) => Math.floor(uniform() * limit), uniform, normal };
}

/** The finaliser of MurmurHash3: every bit of the input changes about half of the output's. */
function mixed(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
