// conv3x3 / 05 winograd 4x4 output pooled: as 05 winograd 4x4 output with POOL, and where each largest number was: for training
//
// Computes   y[n,h,w,o] = the largest of 2x2 of relu(b[o] + A^T m A), and its place in the window; of equal numbers, the first
// Shapes     m (36,T,O), tiles FIRST to FIRST+T-1 · b (O) · chunk (FIRST,H,W,C,O,RELU) u32 · y (N,floor(H/2),floor(W/2),O) ·
//            positions (N,ceil(H/4),ceil(W/4),O/4) u32, as maxpool2x2's with_positions has them
// Threads    a thread owns a tile and a quad of channels, which is a word of positions; neighbouring threads own neighbouring quads;
//            dispatch ceil(T*O/4/64), as a rectangle
// Tile       as 05 winograd 4x4 output
// Cost       per tile of 16 pixels and channel: 36 reads, 4 1/4 writes, the arithmetic of 05 winograd 4x4 output and 12 comparisons;
//            arithmetic intensity 1.1 FLOP/B. The map of pixels is never written, and backward reads a quarter and a 64th of it
// Requires   nothing
// Changed    against 05 winograd 4x4 output: four channels per thread instead of one, because their places share a word
// Source     Lavin & Gray 2015 (arXiv:1509.09308); ties as PyTorch breaks them

const THREADS: u32 = 64;
const SIDE: u32 = 6; // points along a side: 36 in all
const ROOT_HALF: f32 = 0.70710678118654752;
const ROOT_TWO: f32 = 1.41421356237309505;

struct Chunk { FIRST: u32, H: u32, W: u32, C: u32, O: u32, RELU: u32 }

// Four pixels or products of a column or row; each is a quad of channels.
alias Four = array<vec4f, 4>;

@group(0) @binding(0) var<storage, read> m: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> chunk: Chunk;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> positions: array<u32>;

// A^T times six quads: see 05 winograd 4x4 output.
fn from_points(m_0: vec4f, m_1: vec4f, m_2: vec4f, m_3: vec4f, m_4: vec4f, m_5: vec4f) -> Four {
  let near_even = m_1 + m_2;
  let near_odd = ROOT_HALF * (m_1 - m_2);
  let far_even = m_3 + m_4;
  let far_odd = ROOT_TWO * (m_3 - m_4);
  return Four(
    m_0 + near_even + far_even,
    near_odd + far_odd,
    0.5 * near_even + 2.0 * far_even,
    0.5 * near_odd + 2.0 * far_odd + m_5,
  );
}

fn row_from_points(i: u32, stride: u32, index: u32) -> Four {
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
  let OQ = chunk.O / 4;
  let Y_H = chunk.H / 2;
  let Y_W = chunk.W / 2;
  let tile = chunk.FIRST + index / OQ;
  let oq = index % OQ;
  let tiles_h = (chunk.H + 3) / 4;
  let tiles_w = (chunk.W + 3) / 4;
  let n = tile / tiles_w / tiles_h;
  let h = 2 * (tile / tiles_w % tiles_h);
  let w = 2 * (tile % tiles_w);

  let m_0 = row_from_points(0, stride, index);
  let m_1 = row_from_points(1, stride, index);
  let m_2 = row_from_points(2, stride, index);
  let m_3 = row_from_points(3, stride, index);
  let m_4 = row_from_points(4, stride, index);
  let m_5 = row_from_points(5, stride, index);
  // Two columns of pixels are the left or the right windows.
  var places = 0u;
  for (var j = 0u; j < 2; j++) {
    let left = from_points(m_0[2 * j], m_1[2 * j], m_2[2 * j], m_3[2 * j], m_4[2 * j], m_5[2 * j]);
    let k = 2 * j + 1;
    let right = from_points(m_0[k], m_1[k], m_2[k], m_3[k], m_4[k], m_5[k]);
    for (var i = 0u; i < 2; i++) {
      // An odd last row or column is in no window.
      if (h + i >= Y_H || w + j >= Y_W) {
        continue;
      }
      let window = Four(left[2 * i], right[2 * i], left[2 * i + 1], right[2 * i + 1]);
      var largest = finished(window[0], oq);
      var place = vec4u();
      for (var other = 1u; other < 4; other++) {
        let value = finished(window[other], oq);
        let is_larger = value > largest;
        largest = select(largest, value, is_larger);
        place = select(place, vec4u(other), is_larger);
      }
      y[((n * Y_H + h + i) * Y_W + w + j) * OQ + oq] = largest;
      let bits = place << vec4u(0, 2, 4, 6);
      places |= (bits.x | bits.y | bits.z | bits.w) << (8 * (2 * i + j));
    }
  }
  positions[tile * OQ + oq] = places;
}

fn finished(sum: vec4f, oq: u32) -> vec4f {
  let value = sum + b[oq];
  return select(value, max(value, vec4f()), chunk.RELU != 0);
}
