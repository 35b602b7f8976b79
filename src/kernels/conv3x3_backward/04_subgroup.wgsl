// conv3x3_backward / 04 subgroup: Winograd's product for the gradient by the kernel, in which the threads of a subgroup read for each other
//
// Computes   m[s,c,p,o] = sum of v[p,t,c] * z[p,t,o] over the tiles t of slice s: at each point p, a matrix product of its own; with ADD,
//            added to what m holds
// Shapes     v (36,T,C) f32 · z (36,T,O) · sums (C,O,TILES,ADD) u32 · m (SLICES,C,36,O); slice s has the tiles TILES*s to
//            TILES*s+TILES-1; C and O multiples of 4, read as quads
// As matmul  rows M: C   columns N: O   depth K: T, in slices; 36 times
// Threads    workgroup 16 owns 16 rows x 64 columns of m at one point in a slice; a thread owns 16x4;
//            dispatch (ceil(O/64), ceil(C/16), 36*SLICES)
// Tile       a thread owns all 16 rows of one quad of columns. Lane r of a subgroup reads four quads of v in tile t+r for all lanes:
//
//                                             z: T x BN
//                 v: T x BM                   [z] [z] [z] [z]      each thread reads its own, of 8 tiles
//                 lane 0: [v0][v1][v2][v3]
//                 lane 1: [v0][v1][v2][v3]    [m] [m] [m] [m]      for each of the 8 tiles:
//                    :     :                   :   :   :   :           every row += its number of v * [z]
//                 lane 7: [v0][v1][v2][v3]
//
//            In subgroups of more than 8 threads, lane 8 reads the same tile as lane 0: the hardware merges the two reads
// Cost       global reads per FMA 1/(8*TN) + 1/TM = 3/32 (03: 8/32), and 1/TN = 8/32 shuffles from register to register: free on a CPU,
//            not on a graphics card. Counted once per workgroup, 1/BM + 1/BN = 5/64: arithmetic intensity 6.4 FLOP/B (03: 16)
// Requires   subgroups of 8 threads or more
// Changed    against 03: each number of v is read once per subgroup, and the others get it from there: 16 rows per thread, not 8
// Source     06_subgroup of conv3x3, with the sum over tiles instead of channels

enable subgroups;

const BM: u32 = 16;
const BN: u32 = 64;
const TM: u32 = 16;
const TN: u32 = 4;
const POINTS: u32 = 36;
// BN may be tuned; a thread's 16x4 is written out below, and its rows are the workgroup's.
const_assert BM == 16 && TM == BM && TN == 4 && BN % (8 * TN) == 0;

const THREADS: u32 = BN / TN;

struct Sums { C: u32, O: u32, TILES: u32, ADD: u32 }

@group(0) @binding(0) var<storage, read> v: array<vec4f>;
@group(0) @binding(1) var<storage, read> z: array<vec4f>;
@group(0) @binding(2) var<storage, read> sums: Sums;
@group(0) @binding(3) var<storage, read_write> m: array<vec4f>;

fn store(slice: u32, p: u32, c: u32, oq: u32, sum: vec4f) {
  let OQ = sums.O / 4;
  if (c >= sums.C || oq >= OQ) {
    return;
  }
  let at = ((slice * sums.C + c) * POINTS + p) * OQ + oq;
  if (sums.ADD != 0) {
    m[at] += sum;
  } else {
    m[at] = sum;
  }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let CQ = sums.C / 4;
  let OQ = sums.O / 4;
  let T = arrayLength(&v) / (POINTS * CQ);
  let p = group.z % POINTS;
  let slice = group.z / POINTS;
  let cq = group.y * (BM / 4);
  let oq = group.x * THREADS + thread.x;
  // No thread returns early: the others need what it reads. Quads past the end are clamped to the last one; their sums are not
  // written. Tiles past the end are read as zeros.
  let z_column = min(oq, OQ - 1);
  let c_1 = min(cq + 1, CQ - 1);
  let c_2 = min(cq + 2, CQ - 1);
  let c_3 = min(cq + 3, CQ - 1);

  var sum_0 = vec4f();
  var sum_1 = vec4f();
  var sum_2 = vec4f();
  var sum_3 = vec4f();
  var sum_4 = vec4f();
  var sum_5 = vec4f();
  var sum_6 = vec4f();
  var sum_7 = vec4f();
  var sum_8 = vec4f();
  var sum_9 = vec4f();
  var sum_10 = vec4f();
  var sum_11 = vec4f();
  var sum_12 = vec4f();
  var sum_13 = vec4f();
  var sum_14 = vec4f();
  var sum_15 = vec4f();

  let end = min(T, (slice + 1) * sums.TILES);
  for (var t = slice * sums.TILES; t < end; t += 8) {
    let mine = t + lane % 8;
    let v_at = (p * T + min(mine, end - 1)) * CQ;
    let v_0 = select(vec4f(), v[v_at + cq], mine < end);
    let v_1 = select(vec4f(), v[v_at + c_1], mine < end);
    let v_2 = select(vec4f(), v[v_at + c_2], mine < end);
    let v_3 = select(vec4f(), v[v_at + c_3], mine < end);
    for (var r = 0u; r < 8; r++) {
      let z_r = z[(p * T + min(t + r, end - 1)) * OQ + z_column];
      let b_0 = subgroupShuffle(v_0, r);
      sum_0 += b_0.x * z_r;
      sum_1 += b_0.y * z_r;
      sum_2 += b_0.z * z_r;
      sum_3 += b_0.w * z_r;
      let b_1 = subgroupShuffle(v_1, r);
      sum_4 += b_1.x * z_r;
      sum_5 += b_1.y * z_r;
      sum_6 += b_1.z * z_r;
      sum_7 += b_1.w * z_r;
      let b_2 = subgroupShuffle(v_2, r);
      sum_8 += b_2.x * z_r;
      sum_9 += b_2.y * z_r;
      sum_10 += b_2.z * z_r;
      sum_11 += b_2.w * z_r;
      let b_3 = subgroupShuffle(v_3, r);
      sum_12 += b_3.x * z_r;
      sum_13 += b_3.y * z_r;
      sum_14 += b_3.z * z_r;
      sum_15 += b_3.w * z_r;
    }
  }

  let c = 4 * cq;
  store(slice, p, c + 0, oq, sum_0);
  store(slice, p, c + 1, oq, sum_1);
  store(slice, p, c + 2, oq, sum_2);
  store(slice, p, c + 3, oq, sum_3);
  store(slice, p, c + 4, oq, sum_4);
  store(slice, p, c + 5, oq, sum_5);
  store(slice, p, c + 6, oq, sum_6);
  store(slice, p, c + 7, oq, sum_7);
  store(slice, p, c + 8, oq, sum_8);
  store(slice, p, c + 9, oq, sum_9);
  store(slice, p, c + 10, oq, sum_10);
  store(slice, p, c + 11, oq, sum_11);
  store(slice, p, c + 12, oq, sum_12);
  store(slice, p, c + 13, oq, sum_13);
  store(slice, p, c + 14, oq, sum_14);
  store(slice, p, c + 15, oq, sum_15);
}
