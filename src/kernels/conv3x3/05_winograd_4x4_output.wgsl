// conv3x3 / 05 winograd 4x4 output: a 3x3 convolution with a quarter of the multiplications, last of three passes: the output
//
// Computes   y[n,h,w,o] = relu(b[o] + (A^T m A)[h % 4, w % 4]); m: the 6x6 products of the tile that holds (h,w), for o. With
//            POOL, the largest of each 2x2 of them; with MASK, A^T m A where b[n,h,w,o] > 0, else 0
// Shapes     m (36,T,O), tiles FIRST to FIRST+T-1 · b (O), with MASK as y · chunk (FIRST,H,W,C,O,RELU,POOL,MASK) u32 · y (N,H,W,O),
//            or (N,floor(H/2),floor(W/2),O) with POOL
// Threads    a thread owns one tile and channel; neighbouring threads own neighbouring channels; dispatch ceil(T*O/64), as a rectangle
// Tile       products at 6x6 points become 4x4 pixels, which are four windows of pooling:
//
//                 m m m m m m        y y | y y
//                 m m m m m m        y y | y y        y y
//                 m m m m m m   ->   ----+----   ->   y y      with POOL
//                 : : : : : :        y y | y y
//                                    y y | y y
//
// Cost       per tile of 16 pixels and channel: 36 reads, 16 writes (4 with POOL), 60 multiplications and 100 additions (140 instructions
//            where the compiler fuses them), and 16 additions of the bias; arithmetic intensity 0.8 FLOP/B
// Requires   nothing
// Changed    against 05 winograd 2x2: see 05 winograd 4x4 input; pooling costs nothing but the comparisons
// Source     Lavin & Gray 2015 (arXiv:1509.09308), with the points 0, +-1/sqrt 2, +-sqrt 2 and infinity; the chapter derives A

const THREADS: u32 = 64;
const SIDE: u32 = 6; // points along a side: 36 in all
const ROOT_HALF: f32 = 0.70710678118654752;
const ROOT_TWO: f32 = 1.41421356237309505;

// No override constants, so that one pipeline serves every layer: this kernel is long, and slow to compile on CPUs. RELU, POOL and
// MASK are 0 or 1: every thread takes the same branch. With MASK, y is a gradient that goes through the ReLU that gave b.
struct Chunk { FIRST: u32, H: u32, W: u32, C: u32, O: u32, RELU: u32, POOL: u32, MASK: u32 }

@group(0) @binding(0) var<storage, read> m: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> chunk: Chunk;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// A^T times six numbers: column j has the powers 0 to 3 of point j, and the last column has the highest power alone. Near: the points
// +-1/sqrt 2; far: +-sqrt 2. Even powers of s and -s are the same, odd ones opposite: hence the sums and the differences.
fn from_points(m_0: f32, m_1: f32, m_2: f32, m_3: f32, m_4: f32, m_5: f32) -> vec4f {
  let near_even = m_1 + m_2;
  let near_odd = ROOT_HALF * (m_1 - m_2);
  let far_even = m_3 + m_4;
  let far_odd = ROOT_TWO * (m_3 - m_4);
  return vec4f(
    m_0 + near_even + far_even,
    near_odd + far_odd,
    0.5 * near_even + 2.0 * far_even,
    0.5 * near_odd + 2.0 * far_odd + m_5,
  );
}

fn row_from_points(i: u32, stride: u32, index: u32) -> vec4f {
  let at = i * SIDE * stride + index;
  return from_points(
    m[at], m[at + stride], m[at + 2 * stride], m[at + 3 * stride], m[at + 4 * stride], m[at + 5 * stride],
  );
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
  let tiles_h = (H + 3) / 4;
  let tiles_w = (W + 3) / 4;
  let n = tile / tiles_w / tiles_h;
  let h = 4 * (tile / tiles_w % tiles_h);
  let w = 4 * (tile % tiles_w);

  let m_0 = row_from_points(0, stride, index);
  let m_1 = row_from_points(1, stride, index);
  let m_2 = row_from_points(2, stride, index);
  let m_3 = row_from_points(3, stride, index);
  let m_4 = row_from_points(4, stride, index);
  let m_5 = row_from_points(5, stride, index);
  let bias = select(b[o], 0.0, chunk.MASK != 0);
  // Column by column of the tile: four pixels one below the other.
  var pixels: array<vec4f, 4>;
  for (var j = 0u; j < 4; j++) {
    let column = bias + from_points(m_0[j], m_1[j], m_2[j], m_3[j], m_4[j], m_5[j]);
    pixels[j] = select(column, max(column, vec4f()), chunk.RELU != 0);
  }
  if (chunk.POOL != 0) {
    for (var j = 0u; j < 4; j += 2) {
      let wider = max(pixels[j], pixels[j + 1]);
      let windows = max(wider.xz, wider.yw);
      for (var i = 0u; i < 2; i++) {
        let row = h / 2 + i;
        let column = (w + j) / 2;
        // An odd last row or column is in no window.
        if (row < H / 2 && column < W / 2) {
          y[((n * (H / 2) + row) * (W / 2) + column) * O + o] = windows[i];
        }
      }
    }
    return;
  }
  for (var j = 0u; j < 4; j++) {
    for (var i = 0u; i < 4; i++) {
      if (h + i < H && w + j < W) {
        let at = ((n * H + h + i) * W + w + j) * O + o;
        let passes = chunk.MASK == 0 || b[at] > 0;
        y[at] = select(0.0, pixels[j][i], passes);
      }
    }
  }
}
