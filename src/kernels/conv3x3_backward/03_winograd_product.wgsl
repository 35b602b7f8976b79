// conv3x3_backward / 03 winograd product: the gradient by the kernel with a quarter of the multiplications: all that are left
//
// Computes   m[s,c,p,o] = sum of v[p,t,c] * z[p,t,o] over the tiles t of slice s: at each point p, a matrix product of its own; with ADD,
//            added to what m holds
// Shapes     v (36,T,C) f32 · z (36,T,O) · sums (C,O,TILES,ADD) u32 · m (SLICES,C,36,O); slice s has the tiles TILES*s to
//            TILES*s+TILES-1; C and O multiples of 4, read as quads
// As matmul  rows M: C   columns N: O   depth K: T, in slices; 36 times
// Threads    workgroup 8x8 owns 64 rows x 64 columns of m at one point in a slice; a thread owns 8x8;
//            dispatch (ceil(O/64), ceil(C/64), 36*SLICES)
// Tile       a thread owns 2 quads of rows x 2 quads of columns, half a tile apart, and every tile t adds an outer product: see 02
// Cost       global reads per FMA 1/TM + 1/TN = 1/4, many of them from caches. Counted once per workgroup, 1/BM + 1/BN = 1/32:
//            arithmetic intensity 16 FLOP/B; a quarter of the FMAs of 02
// Requires   nothing
// Changed    against 02: no taps and no edges are left, only matrix products
// Source     Lavin & Gray 2015 (arXiv:1509.09308), section 4.1, with the sum over tiles instead of channels

const BM: u32 = 64;
const BN: u32 = 64;
const TM: u32 = 8;
const TN: u32 = 8;
const POINTS: u32 = 36;
// BM and BN may be tuned; a thread's 8x8 is written out below.
const_assert TM == 8 && TN == 8 && BM % TM == 0 && BN % TN == 0;

const THREADS_X: u32 = BN / TN;
const THREADS_Y: u32 = BM / TM;

struct Sums { C: u32, O: u32, TILES: u32, ADD: u32 }

@group(0) @binding(0) var<storage, read> v: array<vec4f>;
@group(0) @binding(1) var<storage, read> z: array<vec4f>;
@group(0) @binding(2) var<storage, read> sums: Sums;
@group(0) @binding(3) var<storage, read_write> m: array<vec4f>;

fn add(at: u32, sum: vec4f) {
  if (sums.ADD != 0) {
    m[at] += sum;
  } else {
    m[at] = sum;
  }
}

// Two quads of columns in row c of a point's product. Its 36 points lie together: the last pass reads them all.
fn store(slice: u32, p: u32, c: u32, oq: u32, sum_0: vec4f, sum_1: vec4f) {
  let OQ = sums.O / 4;
  if (c < sums.C) {
    let at = ((slice * sums.C + c) * POINTS + p) * OQ + oq;
    add(at, sum_0);
    if (oq + THREADS_X < OQ) {
      add(at + THREADS_X, sum_1);
    }
  }
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) thread: vec3u) {
  let CQ = sums.C / 4;
  let OQ = sums.O / 4;
  let T = arrayLength(&v) / (POINTS * CQ);
  let p = group.z % POINTS;
  let slice = group.z / POINTS;
  let cq = group.y * (BM / 4) + thread.y;
  let oq = group.x * (BN / 4) + thread.x;
  if (cq >= CQ || oq >= OQ) {
    return;
  }
  // Quads past the end are clamped to the last one; their sums are not written.
  let c_1 = min(cq + THREADS_Y, CQ - 1);
  let o_1 = min(oq + THREADS_X, OQ - 1);

  // Named one by one: drivers that do not unroll loops (SwiftShader) would keep an array of them in memory.
  var sum_00 = vec4f(); var sum_01 = vec4f();
  var sum_10 = vec4f(); var sum_11 = vec4f();
  var sum_20 = vec4f(); var sum_21 = vec4f();
  var sum_30 = vec4f(); var sum_31 = vec4f();
  var sum_40 = vec4f(); var sum_41 = vec4f();
  var sum_50 = vec4f(); var sum_51 = vec4f();
  var sum_60 = vec4f(); var sum_61 = vec4f();
  var sum_70 = vec4f(); var sum_71 = vec4f();

  let end = min(T, (slice + 1) * sums.TILES);
  for (var t = slice * sums.TILES; t < end; t++) {
    let v_at = (p * T + t) * CQ;
    let z_at = (p * T + t) * OQ;
    let v_0 = v[v_at + cq];
    let v_1 = v[v_at + c_1];
    let z_0 = z[z_at + oq];
    let z_1 = z[z_at + o_1];
    sum_00 += v_0.x * z_0; sum_01 += v_0.x * z_1;
    sum_10 += v_0.y * z_0; sum_11 += v_0.y * z_1;
    sum_20 += v_0.z * z_0; sum_21 += v_0.z * z_1;
    sum_30 += v_0.w * z_0; sum_31 += v_0.w * z_1;
    sum_40 += v_1.x * z_0; sum_41 += v_1.x * z_1;
    sum_50 += v_1.y * z_0; sum_51 += v_1.y * z_1;
    sum_60 += v_1.z * z_0; sum_61 += v_1.z * z_1;
    sum_70 += v_1.w * z_0; sum_71 += v_1.w * z_1;
  }

  let c = 4 * cq;
  store(slice, p, c, oq, sum_00, sum_01);
  store(slice, p, c + 1, oq, sum_10, sum_11);
  store(slice, p, c + 2, oq, sum_20, sum_21);
  store(slice, p, c + 3, oq, sum_30, sum_31);
  let c_far = 4 * (cq + THREADS_Y);
  store(slice, p, c_far, oq, sum_40, sum_41);
  store(slice, p, c_far + 1, oq, sum_50, sum_51);
  store(slice, p, c_far + 2, oq, sum_60, sum_61);
  store(slice, p, c_far + 3, oq, sum_70, sum_71);
}
