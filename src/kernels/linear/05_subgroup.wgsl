// linear / 05 subgroup: a fully connected layer for a batch, first of two passes: partial sums, threads reading for each other
//
// Computes   partial[s,n,o] = sum_{d in slice s} x[n,d] * k[d,o] for the columns o of one piece of k
// Shapes     x (N,D) f32 · k (D,COLUMNS), columns FIRST to FIRST+COLUMNS-1 of (D,O) · partial (SLICES,N,O);
//            D, O, FIRST and COLUMNS multiples of 4, read as quads
// As matmul  rows M: the batch N   columns N: O   depth K: D
// Threads    workgroup 32 owns 8 rows x 128 columns of one slice of the depth; a thread owns 8x4;
//            dispatch (ceil(N/8), ceil(COLUMNS/128), SLICES): workgroups that follow each other read the same of k
// Tile       a thread owns all 8 rows of one quad of columns. Lane r of a subgroup reads row r for all lanes:
//
//                                     k: 4 depths x BN
//                                     [k] [k] [k] [k]      each thread reads its own
//                 x: BM x 4 depths
//                 lane 0: [x]         [y] [y] [y] [y]      for each of the 8 lanes:
//                 lane 1: [x]         [y] [y] [y] [y]          sum of its row += [k] * what the lane has
//                    :     :           :   :   :   :
//                 lane 7: [x]         [y] [y] [y] [y]
//
//            In subgroups of more than 8 threads, lane 8 reads the same row as lane 0: the hardware merges the two reads
// Cost       global reads per FMA 1/(8*TN) + 1/TM = 5/32 (04: 8/32), and 1/TN = 8/32 broadcasts from register to register. Counted once
//            per workgroup, 1/BM + 1/BN = 17/128: arithmetic intensity 3.8 FLOP/B (04: 12.8), unless a cache keeps k for the next 8 rows
// Requires   subgroups of 8 threads or more
// Changed    against 04: x is read in its own order and need not be transposed; 8 rows per workgroup, so that few rows fill it
// Source     conv3x3/06_subgroup, which computes Winograd's products in the same way

enable subgroups;

override D: u32 = 4;
override O: u32 = 4;
override FIRST: u32 = 0;
override COLUMNS: u32 = O;
// Depths in a slice; a multiple of 4.
override DEPTH: u32 = 256;
override N: u32 = 4;
override DQ: u32 = D / 4; // in quads: four depths or columns, one vec4
override OQ: u32 = O / 4;
override COLUMN_QUADS: u32 = COLUMNS / 4;

const BM: u32 = 8;
const BN: u32 = 128;
const TM: u32 = 8;
const TN: u32 = 4;
// BN may be tuned; a thread's 8x4 is written out below, and its rows are the workgroup's.
const_assert BM == 8 && TM == BM && TN == 4;
const_assert BN % (8 * TN) == 0;

const THREADS: u32 = BN / TN;

// Four weights as they are stored; the loader puts f16 here.
alias WeightQuad = vec4f;
fn widen(q: WeightQuad) -> vec4f { return vec4f(q); }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<WeightQuad>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;

// Depths 4*dq to 4*dq+3, a matrix column each, of four columns of k.
fn kernel_block(dq: u32, column: u32) -> mat4x4f {
  let at = 4 * dq * COLUMN_QUADS + column;
  return mat4x4f(
    widen(k[at]),
    widen(k[at + COLUMN_QUADS]),
    widen(k[at + 2 * COLUMN_QUADS]),
    widen(k[at + 3 * COLUMN_QUADS]),
  );
}

fn store(slice: u32, n: u32, column: u32, sum: vec4f) {
  if (n < N && column < COLUMN_QUADS) {
    partial[(slice * N + n) * OQ + FIRST / 4 + column] = sum;
  }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let n = group.x * BM;
  let column = group.y * THREADS + thread.x;
  let slice = group.z;
  // No thread returns early: the others need what it reads. Rows and quads past the end are clamped to the last one; their sums
  // are not written.
  let row = min(n + lane % BM, N - 1) * DQ;
  let k_read = min(column, COLUMN_QUADS - 1);

  var sum_0 = vec4f();
  var sum_1 = vec4f();
  var sum_2 = vec4f();
  var sum_3 = vec4f();
  var sum_4 = vec4f();
  var sum_5 = vec4f();
  var sum_6 = vec4f();
  var sum_7 = vec4f();

  let end = min((slice + 1) * DEPTH, D) / 4;
  for (var dq = slice * DEPTH / 4; dq < end; dq++) {
    let x_lane = x[row + dq];
    let k_block = kernel_block(dq, k_read);
    sum_0 += k_block * subgroupBroadcast(x_lane, 0);
    sum_1 += k_block * subgroupBroadcast(x_lane, 1);
    sum_2 += k_block * subgroupBroadcast(x_lane, 2);
    sum_3 += k_block * subgroupBroadcast(x_lane, 3);
    sum_4 += k_block * subgroupBroadcast(x_lane, 4);
    sum_5 += k_block * subgroupBroadcast(x_lane, 5);
    sum_6 += k_block * subgroupBroadcast(x_lane, 6);
    sum_7 += k_block * subgroupBroadcast(x_lane, 7);
  }

  store(slice, n, column, sum_0);
  store(slice, n + 1, column, sum_1);
  store(slice, n + 2, column, sum_2);
  store(slice, n + 3, column, sum_3);
  store(slice, n + 4, column, sum_4);
  store(slice, n + 5, column, sum_5);
  store(slice, n + 6, column, sum_6);
  store(slice, n + 7, column, sum_7);
}
