// conv3x3 / 05 winograd 2x2 input: a 3x3 convolution with 4 of 9 multiplications, first of three passes: the input
//
// Computes   v[p,t,c] = (B^T d B)[p / 4, p % 4] for the 16 points p; d: the 4x4 pixels of x that tile t of y depends on
// Shapes     x (N,H,W,C) f32 · chunk (FIRST,H,W,C,O) u32 · v (16,T,C), tiles FIRST to FIRST+T-1 of N * ceil(H/2) * ceil(W/2)
// Threads    a thread owns all points of one tile and channel; neighbouring threads own neighbouring channels; dispatch ceil(T*C/64), as
//            a rectangle
// Tile       y is cut into tiles of 2x2; each needs 4x4 of x, which overlap by two, and zeros around the image:
//
//                 x x x x        v v v v
//                 x y y x   ->   v v v v      columns, then rows: every four pixels become four numbers
//                 x y y x        v v v v
//                 x x x x        v v v v
//
// Cost       per tile of 4 pixels and channel: 16 reads, 16 writes, 32 additions, no multiplication; arithmetic intensity 0.25 FLOP/B
// Requires   nothing
// Changed    against 04: a tile of y takes 16 products per pair of channels, not 36; three passes instead of one
// Source     Lavin & Gray 2015 (arXiv:1509.09308), with the points 0, 1, -1 and infinity; the chapter derives B

const THREADS: u32 = 64;
const SIDE: u32 = 4; // points along a side: 16 in all

alias Line = array<f32, SIDE>;

// No override constants, so that one pipeline serves every layer: this kernel is long, and slow to compile on CPUs.
struct Chunk { FIRST: u32, H: u32, W: u32, C: u32, O: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> chunk: Chunk;
@group(0) @binding(2) var<storage, read_write> v: array<f32>;

// B^T times four numbers: row j has the coefficients of M(s) / (s - s_j), M(s) = s^3 - s, and the last row those of M(s). The first row has
// its sign changed, as it is in G.
//
//      1  0 -1  0
//      0  1  1  0
//      0 -1  1  0
//      0 -1  0  1
fn at_points(d_0: f32, d_1: f32, d_2: f32, d_3: f32) -> Line {
  return Line(d_0 - d_2, d_2 + d_1, d_2 - d_1, d_3 - d_1);
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
  let tiles_h = (chunk.H + 1) / 2;
  let tiles_w = (chunk.W + 1) / 2;
  let n = tile / tiles_w / tiles_h;
  let h = 2 * (tile / tiles_w % tiles_h) - 1;
  let w = 2 * (tile % tiles_w) - 1;

  let d_0 = column_at_points(n, h, w, c);
  let d_1 = column_at_points(n, h, w + 1, c);
  let d_2 = column_at_points(n, h, w + 2, c);
  let d_3 = column_at_points(n, h, w + 3, c);
  for (var i = 0u; i < SIDE; i++) {
    let row = at_points(d_0[i], d_1[i], d_2[i], d_3[i]);
    for (var j = 0u; j < SIDE; j++) {
      v[(i * SIDE + j) * stride + index] = row[j];
    }
  }
}
