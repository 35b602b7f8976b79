// linear / 04 register blocked: a fully connected layer for a batch, first of two passes: partial sums
//
// Computes   partial[s,n,o] = sum_{d in slice s} x[n,d] * k[d,o] for the columns o of one piece of k
// Shapes     x (N,D) f32 · k (D,COLUMNS), columns FIRST to FIRST+COLUMNS-1 of (D,O) · partial (SLICES,N,O);
//            D, O, FIRST and COLUMNS multiples of 4, read as quads
// As matmul  M = N   N = O   K = D
// Threads    workgroup 8x8 owns 32 rows x 64 columns of one slice of the depth; a thread owns 4x8;
//            dispatch (ceil(COLUMNS/64), SLICES, ceil(N/32))
// Tile       a thread owns 4 rows x 2 quads of columns, the quads BN / 2 apart, so that neighbours read neighbours:
//
//                             k: DEPTH x BN
//                             [k0] . . . [k1] . . .
//                 x: BM x DEPTH
//                 [x0] .      [00] . . . [01] . . .
//                 [x1] .      [10] . . . [11] . . .
//                 [x2] .      [20] . . . [21] . . .
//                 [x3] .      [30] . . . [31] . . .
//
//            [x] is 4 depths of a row, [k] 4 depths x 4 columns: [sum] += [k] * [x] is a 4x4 matrix times a vector
// Cost       16-byte reads per FMA 12/128 (03: 5/16 with one row, 12/128 with eight); a workgroup reads x and k of its
//            slice, which caches hold, once from memory: arithmetic intensity 10 FLOP/B with 32 rows
// Requires   nothing
// Changed    against 03: 4 rows and 8 columns a thread at any batch; rows over workgroups as well
// Source     "2D block tiling" of S. Boehm, How to optimize a CUDA matmul kernel (2022); the depth split as in 03

override D: u32 = 4;
override O: u32 = 4;
override FIRST: u32 = 0;
override COLUMNS: u32 = O;
// Rows of k in a slice; a multiple of 4.
override DEPTH: u32 = 256;
override DQ: u32 = D / 4; // in quads: four depths or columns, one vec4
override OQ: u32 = O / 4;
override COLUMN_QUADS: u32 = COLUMNS / 4;

const BM: u32 = 32;
const BN: u32 = 64;
const TM: u32 = 4;
const TN: u32 = 8;
// BM and BN may be tuned; a thread's 4x8 is written out below.
const_assert TM == 4 && TN == 8;
const_assert BM % TM == 0 && BN % TN == 0;

const THREADS_X: u32 = BN / TN;
const THREADS_Y: u32 = BM / TM;

// Four weights as they are stored; the loader puts f16 here.
alias WeightQuad = vec4f;
fn widen(q: WeightQuad) -> vec4f { return vec4f(q); }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<WeightQuad>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;

// Depths 4*dq to 4*dq+3 of four columns.
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
  let N = arrayLength(&x) / DQ;
  if (n < N && column < COLUMN_QUADS) {
    partial[(slice * N + n) * OQ + FIRST / 4 + column] = sum;
  }
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) thread: vec3u) {
  let N = arrayLength(&x) / DQ;
  let slice = group.y;
  let n = group.z * BM + thread.y * TM;
  let column_0 = group.x * (BN / 4) + thread.x;
  let column_1 = column_0 + THREADS_X;
  if (n >= N || column_0 >= COLUMN_QUADS) {
    return;
  }
  // What sticks out reads the last row or column instead, and is not written.
  let row_0 = n * DQ;
  let row_1 = min(n + 1, N - 1) * DQ;
  let row_2 = min(n + 2, N - 1) * DQ;
  let row_3 = min(n + 3, N - 1) * DQ;
  let read_1 = min(column_1, COLUMN_QUADS - 1);

  // Named one by one: an array of them would live in memory on drivers that do not unroll loops (SwiftShader).
  var sum_00 = vec4f();
  var sum_01 = vec4f();
  var sum_10 = vec4f();
  var sum_11 = vec4f();
  var sum_20 = vec4f();
  var sum_21 = vec4f();
  var sum_30 = vec4f();
  var sum_31 = vec4f();

  let end = min((slice + 1) * DEPTH / 4, DQ);
  for (var dq = slice * DEPTH / 4; dq < end; dq++) {
    let x_0 = x[row_0 + dq];
    let x_1 = x[row_1 + dq];
    let x_2 = x[row_2 + dq];
    let x_3 = x[row_3 + dq];
    // One block of k after the other, so that fewer numbers are held at a time.
    let k_0 = kernel_block(dq, column_0);
    sum_00 += k_0 * x_0;
    sum_10 += k_0 * x_1;
    sum_20 += k_0 * x_2;
    sum_30 += k_0 * x_3;
    let k_1 = kernel_block(dq, read_1);
    sum_01 += k_1 * x_0;
    sum_11 += k_1 * x_1;
    sum_21 += k_1 * x_2;
    sum_31 += k_1 * x_3;
  }

  store(slice, n, column_0, sum_00);
  store(slice, n, column_1, sum_01);
  store(slice, n + 1, column_0, sum_10);
  store(slice, n + 1, column_1, sum_11);
  store(slice, n + 2, column_0, sum_20);
  store(slice, n + 2, column_1, sum_21);
  store(slice, n + 3, column_0, sum_30);
  store(slice, n + 3, column_1, sum_31);
}
