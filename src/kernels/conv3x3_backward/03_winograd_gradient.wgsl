// conv3x3_backward / 03 winograd gradient: the gradient by the kernel with a quarter of the multiplications: dy at the points
//
// Computes   z[p,t,o] = (A g A^T)[p / 6, p % 6] for the 36 points p; g: the 4x4 pixels of dy in tile t, zeros outside the image
// Shapes     dy (N,H,W,O) f32 · chunk (FIRST,H,W,C,O) u32 · z (36,T,O), tiles FIRST to FIRST+T-1 of N * ceil(H/4) * ceil(W/4)
// Threads    a thread owns all points of one tile and channel; neighbouring threads own neighbouring channels; dispatch ceil(T*O/64), as
//            a rectangle
// Tile       4x4 pixels are the coefficients of a polynomial in two variables; z has its values at the 6x6 points of the forward pass:
//
//                 g g g g        z z z z z z
//                 g g g g        z z z z z z
//                 g g g g   ->   z z z z z z      columns, then rows: every four pixels become six numbers
//                 g g g g        : : : : : :
//
// Cost       per tile of 16 pixels and channel: 16 reads, 36 writes, 140 multiplications and additions; arithmetic intensity 0.7 FLOP/B
// Requires   nothing
// Changed    against 02: a tile takes 36 products per pair of channels, not 144; x is transformed by conv3x3's 05 winograd 4x4 input
// Source     y = A^T ((G k G^T) * (B^T d B)) A is linear in G k G^T, whose gradient is therefore (B^T d B) * (A dy A^T), summed over tiles

const THREADS: u32 = 64;
const SIDE: u32 = 6; // points along a side: 36 in all
const ROOT_HALF: f32 = 0.70710678118654752;
const ROOT_TWO: f32 = 1.41421356237309505;

alias Line = array<f32, SIDE>;

struct Chunk { FIRST: u32, H: u32, W: u32, C: u32, O: u32 }

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> chunk: Chunk;
@group(0) @binding(2) var<storage, read_write> z: array<f32>;

// A times four numbers: their polynomial at the points 0, +-1/sqrt 2 (near), +-sqrt 2 (far), and at infinity, which is its highest
// coefficient. Even and odd powers are summed apart, because s and -s share them.
fn at_points(g_0: f32, g_1: f32, g_2: f32, g_3: f32) -> Line {
  let near_even = g_0 + 0.5 * g_2;
  let near_odd = ROOT_HALF * (g_1 + 0.5 * g_3);
  let far_even = g_0 + 2.0 * g_2;
  let far_odd = ROOT_TWO * (g_1 + 2.0 * g_3);
  return Line(g_0, near_even + near_odd, near_even - near_odd, far_even + far_odd, far_even - far_odd, g_3);
}

// A pixel's channel: zero outside the image.
fn gradient(n: u32, row: u32, column: u32, o: u32) -> f32 {
  let value = dy[((n * chunk.H + min(row, chunk.H - 1)) * chunk.W + min(column, chunk.W - 1)) * chunk.O + o];
  return select(0.0, value, row < chunk.H && column < chunk.W);
}

fn column_at_points(n: u32, h: u32, column: u32, o: u32) -> Line {
  return at_points(
    gradient(n, h, column, o),
    gradient(n, h + 1, column, o),
    gradient(n, h + 2, column, o),
    gradient(n, h + 3, column, o),
  );
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  let stride = arrayLength(&z) / (SIDE * SIDE);
  if (index >= stride) {
    return;
  }
  let tile = chunk.FIRST + index / chunk.O;
  let o = index % chunk.O;
  let tiles_h = (chunk.H + 3) / 4;
  let tiles_w = (chunk.W + 3) / 4;
  let n = tile / tiles_w / tiles_h;
  let h = 4 * (tile / tiles_w % tiles_h);
  let w = 4 * (tile % tiles_w);

  let g_0 = column_at_points(n, h, w, o);
  let g_1 = column_at_points(n, h, w + 1, o);
  let g_2 = column_at_points(n, h, w + 2, o);
  let g_3 = column_at_points(n, h, w + 3, o);
  for (var i = 0u; i < SIDE; i++) {
    let row = at_points(g_0[i], g_1[i], g_2[i], g_3[i]);
    for (var j = 0u; j < SIDE; j++) {
      z[(i * SIDE + j) * stride + index] = row[j];
    }
  }
}
