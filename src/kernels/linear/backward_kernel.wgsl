// linear: the gradient by the kernel, of a fully connected layer
//
// Computes   dk[d,o] = sum_n x[n,d] * dy[n,o] for the columns o of one piece of dk; with ACCUMULATE, added to what dk holds
// Shapes     x (N,D) f32 · dy (N,O) · dk (D,COLUMNS), columns FIRST to FIRST+COLUMNS-1 of (D,O);
//            D, O, FIRST and COLUMNS multiples of 4, read as quads
// As matmul  rows M: D   columns N: O   depth K: the batch N
// Threads    workgroup 8x8 owns 64 depths x 64 columns of dk; a thread owns 8x8; dispatch (ceil(COLUMNS/64), ceil(D/64)
//            over y and z)
// Tile       a thread owns 2 quads of depths x 2 quads of columns, half a tile apart: neighbouring threads write neighbouring quads:
//
//                           row n of dy:  [dy0] . . . [dy1] . . .
//                 row n of x
//                 [x0.x]                  [00] . . .  [01] . . .
//                 [x0.y]                  [10] . . .  [11] . . .
//                  ...                     ...         ...
//                 [x1.w]                  [70] . . .  [71] . . .
//
//            every row of the batch adds one number of x times a quad of dy to each quad: an outer product
// Cost       global reads per FMA 1/TM + 1/TN = 1/4, many of them from caches. Counted once per workgroup, 1/BM + 1/BN = 1/32:
//            arithmetic intensity 16 FLOP/B; with the 1/N that is written, 8 at 32 rows and never above N/2: small
//            batches are bound by writing dk
// Requires   nothing
// Source     the loop of 04_register_blocked, rows of the batch in place of depths: x already has the order that 04_transpose makes

override D: u32 = 4;
override O: u32 = 4;
override FIRST: u32 = 0;
override COLUMNS: u32 = O;
override ACCUMULATE: bool = false;
override DQ: u32 = D / 4; // in quads: four depths or columns, one vec4
override OQ: u32 = O / 4;
override COLUMN_QUADS: u32 = COLUMNS / 4;

const BM: u32 = 64;
const BN: u32 = 64;
const TM: u32 = 8;
const TN: u32 = 8;
// BM and BN may be tuned; a thread's 8x8 is written out below.
const_assert TM == 8 && TN == 8;
const_assert BM % TM == 0 && BN % TN == 0;

const THREADS_X: u32 = BN / TN;
const THREADS_Y: u32 = BM / TM;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dk: array<vec4f>;

fn store(d: u32, column: u32, sum: vec4f) {
  if (d < D && column < COLUMN_QUADS) {
    let at = d * COLUMN_QUADS + column;
    dk[at] = select(sum, sum + dk[at], ACCUMULATE);
  }
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
) {
  let N = arrayLength(&x) / DQ;
  let dq_0 = (group.z * groups.y + group.y) * (BM / 4) + thread.y;
  let dq_1 = dq_0 + THREADS_Y;
  let column_0 = group.x * (BN / 4) + thread.x;
  let column_1 = column_0 + THREADS_X;
  if (dq_0 >= DQ || column_0 >= COLUMN_QUADS) {
    return;
  }
  // Quads past the end are clamped to the last one; their sums are not written.
  let x_read_1 = min(dq_1, DQ - 1);
  let dy_read_0 = FIRST / 4 + column_0;
  let dy_read_1 = FIRST / 4 + min(column_1, COLUMN_QUADS - 1);

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

  for (var n = 0u; n < N; n++) {
    let x_0 = x[n * DQ + dq_0];
    let x_1 = x[n * DQ + x_read_1];
    let dy_0 = dy[n * OQ + dy_read_0];
    let dy_1 = dy[n * OQ + dy_read_1];
    sum_00 += x_0.x * dy_0;
    sum_01 += x_0.x * dy_1;
    sum_10 += x_0.y * dy_0;
    sum_11 += x_0.y * dy_1;
    sum_20 += x_0.z * dy_0;
    sum_21 += x_0.z * dy_1;
    sum_30 += x_0.w * dy_0;
    sum_31 += x_0.w * dy_1;
    sum_40 += x_1.x * dy_0;
    sum_41 += x_1.x * dy_1;
    sum_50 += x_1.y * dy_0;
    sum_51 += x_1.y * dy_1;
    sum_60 += x_1.z * dy_0;
    sum_61 += x_1.z * dy_1;
    sum_70 += x_1.w * dy_0;
    sum_71 += x_1.w * dy_1;
  }

  let d_0 = 4 * dq_0;
  let d_1 = 4 * dq_1;
  store(d_0, column_0, sum_00);
  store(d_0, column_1, sum_01);
  store(d_0 + 1, column_0, sum_10);
  store(d_0 + 1, column_1, sum_11);
  store(d_0 + 2, column_0, sum_20);
  store(d_0 + 2, column_1, sum_21);
  store(d_0 + 3, column_0, sum_30);
  store(d_0 + 3, column_1, sum_31);
  store(d_1, column_0, sum_40);
  store(d_1, column_1, sum_41);
  store(d_1 + 1, column_0, sum_50);
  store(d_1 + 1, column_1, sum_51);
  store(d_1 + 2, column_0, sum_60);
  store(d_1 + 2, column_1, sum_61);
  store(d_1 + 3, column_0, sum_70);
  store(d_1 + 3, column_1, sum_71);
}
