// linear / 04 register blocked: a fully connected layer for a batch, second of three passes: partial sums
//
// Computes   partial[s,n,o] = sum_{d in slice s} xt[d,n] * k[d,o] for the columns o of one piece of k
// Shapes     xt (D,ROWS) f32, x transposed by 04_transpose, ROWS at least N · k (D,COLUMNS), columns FIRST to FIRST+COLUMNS-1
//            of (D,O) · partial (SLICES,N,O); ROWS, O, FIRST and COLUMNS multiples of 4, read as quads
// As matmul  rows M: the batch N   columns N: O   depth K: D
// Threads    workgroup 16x4 owns 32 rows x 128 columns of one slice of the depth; a thread owns 8x8;
//            dispatch (ceil(COLUMNS/128), SLICES, ceil(N/32))
// Tile       a thread owns 2 quads of rows x 2 quads of columns, half a tile apart: neighbouring threads read neighbouring quads:
//
//                           depth d of k:  [k0] . . . [k1] . . .
//                 depth d of xt
//                 [x0.x]                   [00] . . . [01] . . .
//                 [x0.y]                   [10] . . . [11] . . .
//                  ...                      ...        ...
//                 [x1.w]                   [70] . . . [71] . . .
//
//            every depth adds one number of x times a quad of k to each quad: an outer product
// Cost       global reads per FMA 1/TM + 1/TN = 1/4 (03: 1/N + 1/4), many of them from caches. Counted once per workgroup, 1/BM + 1/BN
//            = 5/128: arithmetic intensity 12.8 FLOP/B
// Requires   nothing
// Changed    against 03: 8 rows and 8 columns per thread at any batch; rows are spread over workgroups as well
// Source     "2D block tiling" of S. Boehm, How to optimize a CUDA matmul kernel (2022); the depth split as in 03

override O: u32 = 4;
override FIRST: u32 = 0;
override COLUMNS: u32 = O;
override D: u32 = 4;
// Depths in a slice.
override DEPTH: u32 = 256;
override N: u32 = 4;
override OQ: u32 = O / 4; // in quads: four columns or rows, one vec4
override COLUMN_QUADS: u32 = COLUMNS / 4;
override ROW_QUADS: u32 = (N + 3) / 4;

const BM: u32 = 32;
const BN: u32 = 128;
const TM: u32 = 8;
const TN: u32 = 8;
// BM and BN may be tuned; a thread's 8x8 is written out below.
const_assert TM == 8 && TN == 8;
const_assert BM % TM == 0 && BN % TN == 0;

const THREADS_X: u32 = BN / TN;
const THREADS_Y: u32 = BM / TM;

// Four weights as they are stored; the loader puts f16 here.
alias WeightQuad = vec4f;
fn widen(q: WeightQuad) -> vec4f { return vec4f(q); }

@group(0) @binding(0) var<storage, read> xt: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<WeightQuad>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;

fn store(slice: u32, n: u32, column: u32, sum: vec4f) {
  if (n < N && column < COLUMN_QUADS) {
    partial[(slice * N + n) * OQ + FIRST / 4 + column] = sum;
  }
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) thread: vec3u) {
  let slice = group.y;
  let row_0 = group.z * (BM / 4) + thread.y;
  let row_1 = row_0 + THREADS_Y;
  let column_0 = group.x * (BN / 4) + thread.x;
  let column_1 = column_0 + THREADS_X;
  if (row_0 >= ROW_QUADS || column_0 >= COLUMN_QUADS) {
    return;
  }
  // Quads past the end are clamped to the last one; their sums are not written.
  let x_read_1 = min(row_1, ROW_QUADS - 1);
  let k_read_1 = min(column_1, COLUMN_QUADS - 1);

  // Named one by one: drivers that do not unroll loops (SwiftShader) would keep an array of them in memory.
  var sum_00 = vec4f();
  var sum_01 = vec4f();
  var sum_10 = vec4f();
  var sum_11 = vec4f();
  var sum_20 = vec4f();
  var sum_21 = vec4f();
  var sum_30 = vec4f();
  var sum_31 = vec4f();
  var sum_40 = vec4f();
  var sum_41 = vec4f();
  var sum_50 = vec4f();
  var sum_51 = vec4f();
  var sum_60 = vec4f();
  var sum_61 = vec4f();
  var sum_70 = vec4f();
  var sum_71 = vec4f();

  let end = min((slice + 1) * DEPTH, D);
  for (var d = slice * DEPTH; d < end; d++) {
    let x_0 = xt[d * ROW_QUADS + row_0];
    let x_1 = xt[d * ROW_QUADS + x_read_1];
    let k_0 = widen(k[d * COLUMN_QUADS + column_0]);
    let k_1 = widen(k[d * COLUMN_QUADS + k_read_1]);
    sum_00 += x_0.x * k_0;
    sum_01 += x_0.x * k_1;
    sum_10 += x_0.y * k_0;
    sum_11 += x_0.y * k_1;
    sum_20 += x_0.z * k_0;
    sum_21 += x_0.z * k_1;
    sum_30 += x_0.w * k_0;
    sum_31 += x_0.w * k_1;
    sum_40 += x_1.x * k_0;
    sum_41 += x_1.x * k_1;
    sum_50 += x_1.y * k_0;
    sum_51 += x_1.y * k_1;
    sum_60 += x_1.z * k_0;
    sum_61 += x_1.z * k_1;
    sum_70 += x_1.w * k_0;
    sum_71 += x_1.w * k_1;
  }

  let n_0 = 4 * row_0;
  let n_1 = 4 * row_1;
  store(slice, n_0, column_0, sum_00);
  store(slice, n_0, column_1, sum_01);
  store(slice, n_0 + 1, column_0, sum_10);
  store(slice, n_0 + 1, column_1, sum_11);
  store(slice, n_0 + 2, column_0, sum_20);
  store(slice, n_0 + 2, column_1, sum_21);
  store(slice, n_0 + 3, column_0, sum_30);
  store(slice, n_0 + 3, column_1, sum_31);
  store(slice, n_1, column_0, sum_40);
  store(slice, n_1, column_1, sum_41);
  store(slice, n_1 + 1, column_0, sum_50);
  store(slice, n_1 + 1, column_1, sum_51);
  store(slice, n_1 + 2, column_0, sum_60);
  store(slice, n_1 + 2, column_1, sum_61);
  store(slice, n_1 + 3, column_0, sum_70);
  store(slice, n_1 + 3, column_1, sum_71);
}
