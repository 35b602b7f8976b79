// conv3x3 / 05 winograd 2x2 output: a 3x3 convolution with 4 of 9 multiplications, last of three passes: the output
//
// Computes   y[n,h,w,o] = relu(b[o] + (A^T m A)[h % 2, w % 2]); m: the 4x4 products of the tile that holds (h,w), for o. With
//            POOL, the largest of each 2x2 of them; with MASK, A^T m A where b[n,h,w,o] > 0, else 0
// Shapes     m (16,T,O), tiles FIRST to FIRST+T-1 · b (O), with MASK as y · chunk (FIRST,H,W,C,O,RELU,POOL,MASK) u32 · y (N,H,W,O),
//            or (N,floor(H/2),floor(W/2),O) with POOL
// Threads    a thread owns one tile and channel; neighbouring threads own neighbouring channels; dispatch ceil(T*O/64), as a rectangle
// Tile       products at 4x4 points become 2x2 pixels, which are one window of pooling:
//
//                 m m m m
//                 m m m m   ->   y y   ->   y      with POOL
//                 m m m m        y y
//                 m m m m
//
// Cost       per tile of 4 pixels and channel: 16 reads, 4 writes (1 with POOL), 28 additions; arithmetic intensity 0.35 FLOP/B
// Requires   nothing
// Changed    against 04: see 05 winograd 2x2 input; and pooling costs nothing but the comparisons
// Source     Lavin & Gray 2015 (arXiv:1509.09308), with the points 0, 1, -1 and infinity; the chapter derives A

const THREADS: u32 = 64;
const SIDE: u32 = 4; // points along a side: 16 in all

// No override constants, so that one pipeline serves every layer: this kernel is long, and slow to compile on CPUs. RELU, POOL and
// MASK are 0 or 1: every thread takes the same branch. With MASK, y is a gradient that goes through the ReLU that gave b.
struct Chunk { FIRST: u32, H: u32, W: u32, C: u32, O: u32, RELU: u32, POOL: u32, MASK: u32 }

@group(0) @binding(0) var<storage, read> m: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> chunk: Chunk;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// A^T times four numbers: column j has the powers 0 and 1 of point j, and the last column has the highest power alone.
//
//      1  1  1  0
//      0  1 -1  1
fn from_points(m_0: f32, m_1: f32, m_2: f32, m_3: f32) -> vec2f {
  return vec2f(m_0 + m_1 + m_2, m_1 - m_2 + m_3);
}

fn row_from_points(i: u32, stride: u32, index: u32) -> vec2f {
  let at = i * SIDE * stride + index;
  return from_points(m[at], m[at + stride], m[at + 2 * stride], m[at + 3 * stride]);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  let stride = arrayLength(&m) / (SIDE * SIDE);
  if (index >= stride) {
    return;
  }
  let H = chunk.H;
  let W = chunk.W;
  let O = chunk.O;
  let tile = chunk.FIRST + index / O;
  let o = index % O;
  let tiles_h = (H + 1) / 2;
  let tiles_w = (W + 1) / 2;
  let n = tile / tiles_w / tiles_h;
  let h = 2 * (tile / tiles_w % tiles_h);
  let w = 2 * (tile % tiles_w);

  let m_0 = row_from_points(0, stride, index);
  let m_1 = row_from_points(1, stride, index);
  let m_2 = row_from_points(2, stride, index);
  let m_3 = row_from_points(3, stride, index);
  let bias = select(b[o], 0.0, chunk.MASK != 0);
  // Column by column of the tile: two pixels one below the other.
  var pixels: array<vec2f, 2>;
  for (var j = 0u; j < 2; j++) {
    let column = bias + from_points(m_0[j], m_1[j], m_2[j], m_3[j]);
    pixels[j] = select(column, max(column, vec2f()), chunk.RELU != 0);
  }
  if (chunk.POOL != 0) {
    let wider = max(pixels[0], pixels[1]);
    // An odd last row or column is in no window.
    if (h + 1 < H && w + 1 < W) {
      y[((n * (H / 2) + h / 2) * (W / 2) + w / 2) * O + o] = max(wider.x, wider.y);
    }
    return;
  }
  for (var j = 0u; j < 2; j++) {
    for (var i = 0u; i < 2; i++) {
      if (h + i < H && w + j < W) {
        let at = ((n * H + h + i) * W + w + j) * O + o;
        let passes = chunk.MASK == 0 || b[at] > 0;
        y[at] = select(0.0, pixels[j][i], passes);
      }
    }
  }
}
