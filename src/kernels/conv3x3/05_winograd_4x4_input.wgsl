// conv3x3 / 05 winograd 4x4 input: a 3x3 convolution with a quarter of the multiplications, first of three passes: the input
//
// Computes   v[p,t,c] = (B^T d B)[p / 6, p % 6] for the 36 points p; d: the 6x6 pixels of x that tile t of y depends on
// Shapes     x (N,H,W,C) f32 · chunk (FIRST,H,W,C,O) u32 · v (36,T,C), tiles FIRST to FIRST+T-1 of N * ceil(H/4) * ceil(W/4)
// Threads    a thread owns all points of one tile and channel; neighbouring threads own neighbouring channels; dispatch ceil(T*C/64), as
//            a rectangle
// Tile       y is cut into tiles of 4x4; each needs 6x6 of x, which overlap by two, and zeros around the image:
//
//                 x x x x x x        v v v v v v
//                 x y y y y x        v v v v v v
//                 x y y y y x   ->   v v v v v v      columns, then rows: every six pixels become six numbers
//                 x y y y y x        : : : : : :
//
// Cost       per tile of 16 pixels and channel: 36 reads, 36 writes, 96 multiplications and 144 additions (168 instructions where the
//            compiler fuses them); arithmetic intensity 0.8 FLOP/B
// Requires   nothing
// Changed    against 05 winograd 2x2: 16 pixels take 36 products per pair of channels, not 64: 2.25 instead of 4 per pixel
// Source     Lavin & Gray 2015 (arXiv:1509.09308), with the points 0, +-1/sqrt 2, +-sqrt 2 and infinity; the chapter derives B

const THREADS: u32 = 64;
const SIDE: u32 = 6; // points along a side: 36 in all
const ROOT_HALF: f32 = 0.70710678118654752;
const ROOT_TWO: f32 = 1.41421356237309505;

alias Line = array<f32, SIDE>;

// No override constants, so that one pipeline serves every layer: this kernel is long, and slow to compile on CPUs.
struct Chunk { FIRST: u32, H: u32, W: u32, C: u32, O: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> chunk: Chunk;
@group(0) @binding(2) var<storage, read_write> v: array<f32>;

// B^T times six numbers: row j has the coefficients of M(s) / (s - s_j), M(s) = s^5 - 2.5 s^3 + s, and the last row those of M(s). Near:
// the points +-1/sqrt 2; far: +-sqrt 2. Rows of s and -s have the same even coefficients and opposite odd ones.
fn at_points(d_0: f32, d_1: f32, d_2: f32, d_3: f32, d_4: f32, d_5: f32) -> Line {
  let near_even = d_4 - 2.0 * d_2;
  let near_odd = ROOT_HALF * d_3 - ROOT_TWO * d_1;
  let far_even = d_4 - 0.5 * d_2;
  let far_odd = ROOT_TWO * d_3 - ROOT_HALF * d_1;
  return Line(
    d_0 - 2.5 * d_2 + d_4,
    near_even + near_odd,
    near_even - near_odd,
    far_even + far_odd,
    far_even - far_odd,
    d_1 - 2.5 * d_3 + d_5,
  );
}

// A pixel's channel: zero outside the image. Above and left of it, row and column wrap around to huge numbers.
fn input(n: u32, row: u32, column: u32, c: u32) -> f32 {
  let value = x[((n * chunk.H + min(row, chunk.H - 1)) * chunk.W + min(column, chunk.W - 1)) * chunk.C + c];
  return select(0.0, value, row < chunk.H && column < chunk.W);
}

fn column_at_points(n: u32, h: u32, column: u32, c: u32) -> Line {
  return at_points(
    input(n, h, column, c),
    input(n, h + 1, column, c),
    input(n, h + 2, column, c),
    input(n, h + 3, column, c),
    input(n, h + 4, column, c),
    input(n, h + 5, column, c),
  );
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  let stride = arrayLength(&v) / (SIDE * SIDE);
  if (index >= stride) {
    return;
  }
  let tile = chunk.FIRST + index / chunk.C;
  let c = index % chunk.C;
  let tiles_h = (chunk.H + 3) / 4;
  let tiles_w = (chunk.W + 3) / 4;
  let n = tile / tiles_w / tiles_h;
  let h = 4 * (tile / tiles_w % tiles_h) - 1;
  let w = 4 * (tile % tiles_w) - 1;

  let d_0 = column_at_points(n, h, w, c);
  let d_1 = column_at_points(n, h, w + 1, c);
  let d_2 = column_at_points(n, h, w + 2, c);
  let d_3 = column_at_points(n, h, w + 3, c);
  let d_4 = column_at_points(n, h, w + 4, c);
  let d_5 = column_at_points(n, h, w + 5, c);
  for (var i = 0u; i < SIDE; i++) {
    let row = at_points(d_0[i], d_1[i], d_2[i], d_3[i], d_4[i], d_5[i]);
    for (var j = 0u; j < SIDE; j++) {
      v[(i * SIDE + j) * stride + index] = row[j];
    }
  }
}
