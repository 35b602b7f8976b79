// conv3x3 / 05 winograd 2x2 filter: a 3x3 convolution with 4 of 9 multiplications, once at load: the kernel
//
// Computes   u[p,c,o] = (G k[.,.,c,o] G^T)[p / 4, p % 4] for the 16 points p
// Shapes     k (3,3,C,O) f32 or f16 · u (16,C,O) f32
// Threads    a thread owns all points of one pair of channels; neighbours own neighbouring o; dispatch ceil(C*O/64), as a
//            rectangle
// Tile       3x3 taps become values at 4x4 points: of a polynomial in two variables whose coefficients the taps are
//
//                 k k k        u u u u
//                 k k k   ->   u u u u      columns, then rows: each three taps become four values
//                 k k k        u u u u
//                              u u u u
//
// Cost       once, at load: 9 reads and 16 writes a pair of channels; u is 16/9 as large as k
// Requires   nothing
// Changed    against 04: see 05 winograd 2x2 input
// Source     Lavin & Gray 2015 (arXiv:1509.09308), with the points 0, 1, -1 and infinity; the chapter derives G

const THREADS: u32 = 64;
const POINTS: u32 = 4;

// A weight as it is stored; the loader puts f16 here.
alias Weight = f32;
fn weight(index: u32) -> f32 { return f32(k[index]); }

@group(0) @binding(0) var<storage, read> k: array<Weight>;
@group(0) @binding(1) var<storage, read_write> u: array<f32>;

// G times three taps: their polynomial's values, over what the points' differences multiply to.
fn at_points(k_0: f32, k_1: f32, k_2: f32) -> array<f32, POINTS> {
  let even = 0.5 * (k_0 + k_2);
  let odd = 0.5 * k_1;
  return array(k_0, even + odd, even - odd, k_2);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pair = gid.y * groups.x * THREADS + gid.x;
  // C * O: all that is to be known of the sizes, so that every layer is transformed by the same pipeline.
  let pairs = arrayLength(&u) / (POINTS * POINTS);
  if (pair >= pairs) {
    return;
  }
  var columns: array<array<f32, POINTS>, 3>;
  for (var j = 0u; j < 3; j++) {
    columns[j] = at_points(
      weight(j * pairs + pair),
      weight((3 + j) * pairs + pair),
      weight((6 + j) * pairs + pair),
    );
  }
  for (var i = 0u; i < POINTS; i++) {
    let row = at_points(columns[0][i], columns[1][i], columns[2][i]);
    for (var j = 0u; j < POINTS; j++) {
      u[(i * POINTS + j) * pairs + pair] = row[j];
    }
  }
}
