// conv3x3 / 06 subgroup: Winograd's product, in which the threads of a subgroup read for each other
//
// Computes   m[p,t,o] = sum_c v[p,t,c] * u[p,c,o]: at each point p, a matrix product of its own
// Shapes     v (P,T,C) f32 · u (P,C,O) · chunk (FIRST,H,W,C,O) u32 · m (P,T,O); C and O multiples of 4, read as quads
// As matmul  rows M: T   columns N: O   depth K: C; P times: 36 with tiles of 4x4, 16 with 2x2
// Threads    workgroup 32 owns 8 tiles x 128 channels at one point; a thread owns 8x4; dispatch (ceil(O/128), ceil(T/8), P)
// Tile       a thread owns all 8 tiles of one quad of channels. Lane r of a subgroup reads tile r for all lanes:
//
//                                  u: C x BN
//                                  [u] [u] [u] [u]      each thread reads its own
//                 v: BM x C
//                 lane 0: [v] .    [m] [m] [m] [m]      for each of the 4 numbers in [v],
//                 lane 1: [v] .    [m] [m] [m] [m]      for each of the 8 lanes:
//                    :     :        :   :   :   :           sum of its tile += [u] * what the lane has
//                 lane 7: [v] .    [m] [m] [m] [m]
//
//            In subgroups of more than 8 threads, lane 8 reads the same tile as lane 0: the hardware merges the two reads
// Cost       global reads per FMA 1/(8*TN) + 1/TM = 5/32 (05: 12/32), and 1/TN = 8/32 broadcasts from register to register: free on a CPU,
//            not on a graphics card. Counted once per workgroup, 1/BM + 1/BN = 17/128: arithmetic intensity 3.8 FLOP/B (05: 10.7)
// Requires   subgroups of 8 threads or more
// Changed    against 05: each number of v is read once per subgroup and broadcast, so that a thread owns 8 tiles, not 4
// Source     WGSL, section 17.12.3 (subgroupBroadcast); the warp tiles of CUDA's matrix products

enable subgroups;

const BM: u32 = 8;
const BN: u32 = 128;
const TM: u32 = 8;
const TN: u32 = 4;
// BN may be tuned; a thread's 8x4 is written out below, and its tiles are the workgroup's.
const_assert BM == 8 && TM == BM && TN == 4;
const_assert BN % (8 * TN) == 0;

const THREADS: u32 = BN / TN;

// No override constants, so that one pipeline serves every layer: CPUs are slow to compile.
struct Chunk { FIRST: u32, H: u32, W: u32, C: u32, O: u32 }

@group(0) @binding(0) var<storage, read> v: array<vec4f>;
@group(0) @binding(1) var<storage, read> u: array<vec4f>;
@group(0) @binding(2) var<storage, read> chunk: Chunk;
@group(0) @binding(3) var<storage, read_write> m: array<vec4f>;

fn store(p: u32, T: u32, t: u32, oq: u32, sum: vec4f) {
  let OQ = chunk.O / 4;
  if (t < T && oq < OQ) {
    m[(p * T + t) * OQ + oq] = sum;
  }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  // In quads: four channels, one vec4.
  let CQ = chunk.C / 4;
  let OQ = chunk.O / 4;
  // The dispatch has a layer of workgroups per point: groups.z is P.
  let T = arrayLength(&v) / (groups.z * CQ);
  let p = group.z;
  let t = group.y * BM;
  let oq = group.x * THREADS + thread.x;
  // No thread returns early: the others need what it reads. Tiles and quads past the end are clamped to the last one; their sums
  // are not written.
  let row = (p * T + min(t + lane % BM, T - 1)) * CQ;
  var at = p * chunk.C * OQ + min(oq, OQ - 1);

  var sum_0 = vec4f();
  var sum_1 = vec4f();
  var sum_2 = vec4f();
  var sum_3 = vec4f();
  var sum_4 = vec4f();
  var sum_5 = vec4f();
  var sum_6 = vec4f();
  var sum_7 = vec4f();

  for (var cq = 0u; cq < CQ; cq++) {
    let v_lane = v[row + cq];
    let u_block = mat4x4f(u[at], u[at + OQ], u[at + 2 * OQ], u[at + 3 * OQ]);
    at += 4 * OQ;
    sum_0 += u_block * subgroupBroadcast(v_lane, 0);
    sum_1 += u_block * subgroupBroadcast(v_lane, 1);
    sum_2 += u_block * subgroupBroadcast(v_lane, 2);
    sum_3 += u_block * subgroupBroadcast(v_lane, 3);
    sum_4 += u_block * subgroupBroadcast(v_lane, 4);
    sum_5 += u_block * subgroupBroadcast(v_lane, 5);
    sum_6 += u_block * subgroupBroadcast(v_lane, 6);
    sum_7 += u_block * subgroupBroadcast(v_lane, 7);
  }

  store(p, T, t, oq, sum_0);
  store(p, T, t + 1, oq, sum_1);
  store(p, T, t + 2, oq, sum_2);
  store(p, T, t + 3, oq, sum_3);
  store(p, T, t + 4, oq, sum_4);
  store(p, T, t + 5, oq, sum_5);
  store(p, T, t + 6, oq, sum_6);
  store(p, T, t + 7, oq, sum_7);
}
