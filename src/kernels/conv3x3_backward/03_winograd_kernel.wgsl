// conv3x3_backward / 03 winograd kernel: the gradient by the kernel with a quarter of the multiplications: back from the points
//
// Computes   dk[i,j,c,o] = (G^T (m[0,c,.,o] + m[1,c,.,o] + ...) G)[i,j], the slices in this order; with ACCUMULATE, added to what dk holds
// Shapes     m (SLICES,C,36,O) f32 · layer (C,O,SLICES,ACCUMULATE) u32 · dk (3,3,C,O); O a multiple of 4, read as quads
// Threads    a thread owns all taps of one c and a quad of o; neighbouring threads own neighbouring quads; dispatch ceil(C*O/4/64), as
//            a rectangle
// Tile       the gradient by 6x6 points becomes that by 3x3 taps: the filter's transform the other way
//
//                 m m m m m m        k k k
//                 m m m m m m   ->   k k k      columns, then rows: every six numbers become three
//                 : : : : : :        k k k
//
// Cost       per pair of channels: 36*SLICES reads, 9 writes, 108 multiplications and additions; arithmetic intensity 0.6 FLOP/B
// Requires   nothing
// Changed    against 02: see 03 winograd gradient
// Source     u = G k G^T in the forward pass (conv3x3's 05 winograd 4x4 filter), so that dk = G^T du G

const THREADS: u32 = 64;
const SIDE: u32 = 6; // points along a side: 36 in all
const ROOT_HALF: f32 = 0.70710678118654752;
const ROOT_TWO: f32 = 1.41421356237309505;

// Three taps of a column or row; each is a quad of channels.
alias Taps = array<vec4f, 3>;

struct Layer { C: u32, O: u32, SLICES: u32, ACCUMULATE: u32 }

@group(0) @binding(0) var<storage, read> m: array<vec4f>;
@group(0) @binding(1) var<storage, read> layer: Layer;
@group(0) @binding(2) var<storage, read_write> dk: array<vec4f>;

// G^T times six numbers, those of the points 0, +-1/sqrt 2, +-sqrt 2 and infinity.
fn from_points(m_0: vec4f, m_1: vec4f, m_2: vec4f, m_3: vec4f, m_4: vec4f, m_5: vec4f) -> Taps {
  let near_even = (m_1 + m_2) * (-2.0 / 3.0);
  let near_odd = (m_1 - m_2) * (-2.0 / 3.0 * ROOT_HALF);
  let far_even = (m_3 + m_4) * (1.0 / 6.0);
  let far_odd = (m_3 - m_4) * (1.0 / 6.0 * ROOT_TWO);
  return Taps(m_0 + near_even + far_even, near_odd + far_odd, 0.5 * near_even + 2.0 * far_even + m_5);
}

// The sum over slices at a point of channel c and a quad of channels.
fn point(p: u32, c: u32, oq: u32) -> vec4f {
  var sum = vec4f();
  for (var slice = 0u; slice < layer.SLICES; slice++) {
    sum += m[((slice * layer.C + c) * SIDE * SIDE + p) * (layer.O / 4) + oq];
  }
  return sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let quad = gid.y * groups.x * THREADS + gid.x;
  let OQ = layer.O / 4;
  let quads = layer.C * OQ;
  if (quad >= quads) {
    return;
  }
  let c = quad / OQ;
  let oq = quad % OQ;
  var columns: array<Taps, SIDE>;
  for (var j = 0u; j < SIDE; j++) {
    columns[j] = from_points(
      point(j, c, oq),
      point(SIDE + j, c, oq),
      point(2 * SIDE + j, c, oq),
      point(3 * SIDE + j, c, oq),
      point(4 * SIDE + j, c, oq),
      point(5 * SIDE + j, c, oq),
    );
  }
  for (var i = 0u; i < 3; i++) {
    let row = from_points(columns[0][i], columns[1][i], columns[2][i], columns[3][i], columns[4][i], columns[5][i]);
    for (var j = 0u; j < 3; j++) {
      let at = (3 * i + j) * quads + quad;
      if (layer.ACCUMULATE != 0) {
        dk[at] += row[j];
      } else {
        dk[at] = row[j];
      }
    }
  }
}
