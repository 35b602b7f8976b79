// conv3x3 / 05 winograd product: a 3x3 convolution with fewer multiplications, second of three passes: all that are left
//
// Computes   m[p,t,o] = sum_c v[p,t,c] * u[p,c,o]: at each point p, a matrix product of its own
// Shapes     v (P,T,C) f32 · u (P,C,O) · chunk (FIRST,H,W,C,O) u32 · m (P,T,O); C and O multiples of 4, read as quads
// As matmul  rows M: T   columns N: O   depth K: C; P times: 36 with tiles of 4x4, 16 with 2x2
// Threads    workgroup 8x8 owns 32 tiles x 64 channels at one point; a thread owns 4x8; dispatch (ceil(O/64), ceil(T/32), P)
// Tile       a thread owns 4 tiles x 2 quads of channels, the quads BN / 2 apart: neighbouring threads read neighbouring quads:
//
//                             u: C x BN
//                             [u0] . . . [u1] . . .
//                 v: BM x C
//                 [v0] .      [00] . . . [01] . . .
//                 [v1] .      [10] . . . [11] . . .
//                 [v2] .      [20] . . . [21] . . .
//                 [v3] .      [30] . . . [31] . . .
//
//            [v] is 4 depths of a tile, [u] 4 channels x 4 depths, a column per depth: [m] += [u] * [v], matrix times vector
// Cost       global reads per FMA 1/TM + 1/TN = 3/8 (03 reads as much from workgroup memory), most of them from caches. Counted once per
//            workgroup, 1/BM + 1/BN = 3/64: arithmetic intensity 10.7 FLOP/B; with the writes of m, 1/C per FMA, 8 where C is 64.
//            A quarter of the direct form's FMAs, or 4 of 9 with tiles of 2x2
// Requires   nothing
// Changed    against 04: no taps, no edges and no bias are left, only matrix products; two quads per thread, as in 03
// Source     Lavin & Gray 2015 (arXiv:1509.09308), section 4.1

const BM: u32 = 32;
const BN: u32 = 64;
const TM: u32 = 4;
const TN: u32 = 8;
// BM and BN may be tuned; a thread's 4x8 is written out below.
const_assert TM == 4 && TN == 8;
const_assert BM % TM == 0 && BN % TN == 0;

const THREADS_X: u32 = BN / TN;
const THREADS_Y: u32 = BM / TM;

// No override constants, so that one pipeline serves every layer: CPUs are slow to compile.
struct Chunk { FIRST: u32, H: u32, W: u32, C: u32, O: u32 }

@group(0) @binding(0) var<storage, read> v: array<vec4f>;
@group(0) @binding(1) var<storage, read> u: array<vec4f>;
@group(0) @binding(2) var<storage, read> chunk: Chunk;
@group(0) @binding(3) var<storage, read_write> m: array<vec4f>;

// Channels 4*cq to 4*cq+3 of point p, a column each, for four output channels.
fn kernel_block(p: u32, cq: u32, oq: u32) -> mat4x4f {
  let OQ = chunk.O / 4;
  let at = (p * chunk.C + 4 * cq) * OQ + oq;
  return mat4x4f(u[at], u[at + OQ], u[at + 2 * OQ], u[at + 3 * OQ]);
}

fn store(p: u32, T: u32, t: u32, oq: u32, sum: vec4f) {
  let OQ = chunk.O / 4;
  if (t < T && oq < OQ) {
    m[(p * T + t) * OQ + oq] = sum;
  }
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
) {
  // In quads: four channels, one vec4.
  let CQ = chunk.C / 4;
  let OQ = chunk.O / 4;
  // The dispatch has a layer of workgroups per point: groups.z is P.
  let T = arrayLength(&v) / (groups.z * CQ);
  let p = group.z;
  let t = group.y * BM + thread.y * TM;
  let oq_0 = group.x * (BN / 4) + thread.x;
  let oq_1 = oq_0 + THREADS_X;
  if (t >= T || oq_0 >= OQ) {
    return;
  }
  // Tiles and quads past the end are clamped to the last one; their sums are not written.
  let row_0 = (p * T + t) * CQ;
  let row_1 = (p * T + min(t + 1, T - 1)) * CQ;
  let row_2 = (p * T + min(t + 2, T - 1)) * CQ;
  let row_3 = (p * T + min(t + 3, T - 1)) * CQ;
  let read_1 = min(oq_1, OQ - 1);

  // Named one by one: drivers that do not unroll loops (SwiftShader) would keep an array of them in memory.
  var sum_00 = vec4f();
  var sum_01 = vec4f();
  var sum_10 = vec4f();
  var sum_11 = vec4f();
  var sum_20 = vec4f();
  var sum_21 = vec4f();
  var sum_30 = vec4f();
  var sum_31 = vec4f();

  for (var cq = 0u; cq < CQ; cq++) {
    let v_0 = v[row_0 + cq];
    let v_1 = v[row_1 + cq];
    let v_2 = v[row_2 + cq];
    let v_3 = v[row_3 + cq];
    // One block of u after the other, so that fewer numbers are held at a time.
    let u_0 = kernel_block(p, cq, oq_0);
    sum_00 += u_0 * v_0;
    sum_10 += u_0 * v_1;
    sum_20 += u_0 * v_2;
    sum_30 += u_0 * v_3;
    let u_1 = kernel_block(p, cq, read_1);
    sum_01 += u_1 * v_0;
    sum_11 += u_1 * v_1;
    sum_21 += u_1 * v_2;
    sum_31 += u_1 * v_3;
  }

  store(p, T, t, oq_0, sum_00);
  store(p, T, t, oq_1, sum_01);
  store(p, T, t + 1, oq_0, sum_10);
  store(p, T, t + 1, oq_1, sum_11);
  store(p, T, t + 2, oq_0, sum_20);
  store(p, T, t + 2, oq_1, sum_21);
  store(p, T, t + 3, oq_0, sum_30);
  store(p, T, t + 3, oq_1, sum_31);
}
