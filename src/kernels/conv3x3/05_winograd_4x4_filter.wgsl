// conv3x3 / 05 winograd 4x4 filter: a 3x3 convolution with a quarter of the multiplications, once at load: the kernel
//
// Computes   u[p,c,o] = (G k[.,.,c,o] G^T)[p / 6, p % 6] for the 36 points p
// Shapes     k (3,3,C,O) f32 or f16 · u (36,C,O) f32
// Threads    a thread owns all points of one pair of channels; neighbouring threads own neighbouring o; dispatch ceil(C*O/64), as a
//            rectangle
// Tile       3x3 taps are the coefficients of a polynomial in two variables; u has its values at 6x6 points, scaled:
//
//                 k k k        u u u u u u
//                 k k k   ->   u u u u u u      columns, then rows: each three taps become six values
//                 k k k        : : : : : :
//
// Cost       once, at load, per pair of channels: 9 reads, 36 writes, 108 multiplications and additions; arithmetic intensity
//            0.6 FLOP/B; u is four times as large as k
// Requires   nothing
// Changed    against 05 winograd 2x2: see 05 winograd 4x4 input
// Source     Lavin & Gray 2015 (arXiv:1509.09308), with the points 0, +-1/sqrt 2, +-sqrt 2 and infinity; the chapter derives G

const THREADS: u32 = 64;
const SIDE: u32 = 6; // points along a side: 36 in all
const ROOT_HALF: f32 = 0.70710678118654752;
const ROOT_TWO: f32 = 1.41421356237309505;

// A weight as it is stored; the loader puts f16 here.
alias Weight = f32;
fn weight(index: u32) -> f32 { return f32(k[index]); }

@group(0) @binding(0) var<storage, read> k: array<Weight>;
@group(0) @binding(1) var<storage, read_write> u: array<f32>;

// G times three taps: the values of their polynomial at the points s, over M'(s), the derivative of M(s) = s^5 - 2.5 s^3 + s: 1 at 0, -3/2
// at the near points +-1/sqrt 2, 6 at the far ones +-sqrt 2. Even and odd powers are summed apart, because s and -s share them.
fn at_points(k_0: f32, k_1: f32, k_2: f32) -> array<f32, SIDE> {
  let near_even = (k_0 + 0.5 * k_2) * (-2.0 / 3.0);
  let near_odd = k_1 * (-2.0 / 3.0 * ROOT_HALF);
  let far_even = (k_0 + 2.0 * k_2) * (1.0 / 6.0);
  let far_odd = k_1 * (1.0 / 6.0 * ROOT_TWO);
  return array(k_0, near_even + near_odd, near_even - near_odd, far_even + far_odd, far_even - far_odd, k_2);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pair = gid.y * groups.x * THREADS + gid.x;
  // C * O is all that it needs to know of the sizes, so that one pipeline serves every layer.
  let pairs = arrayLength(&u) / (SIDE * SIDE);
  if (pair >= pairs) {
    return;
  }
  var columns: array<array<f32, SIDE>, 3>;
  for (var j = 0u; j < 3; j++) {
    columns[j] = at_points(
      weight(j * pairs + pair),
      weight((3 + j) * pairs + pair),
      weight((6 + j) * pairs + pair),
    );
  }
  for (var i = 0u; i < SIDE; i++) {
    let row = at_points(columns[0][i], columns[1][i], columns[2][i]);
    for (var j = 0u; j < SIDE; j++) {
      u[(i * SIDE + j) * pairs + pair] = row[j];
    }
  }
}
