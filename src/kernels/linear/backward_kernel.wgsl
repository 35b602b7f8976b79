// linear: the gradient by the kernel, of a fully connected layer
//
// Computes   dk[d,o] = sum_n x[n,d] * dy[n,o] for the columns o of one piece of dk
// Shapes     x (N,D) f32 · dy (N,O) · dk (D,COLUMNS), columns FIRST to FIRST+COLUMNS-1 of (D,O);
//            D, O, FIRST and COLUMNS multiples of 4, read as quads
// As matmul  M = D   N = O   K = N
// Threads    workgroup 8x8 owns 32 depths x 64 columns of dk; a thread owns 4x8; dispatch (ceil(COLUMNS/64), ceil(D/32)
//            over y and z)
// Tile       a thread owns a quad of depths x 2 quads of columns, the quads BN / 2 apart, so that neighbours write neighbours:
//
//                           row n of dy:  [dy0] . . . [dy1] . . .
//                 row n of x
//                 [x.x]                   [00] . . .  [01] . . .
//                 [x.y]                   [10] . . .  [11] . . .
//                 [x.z]                   [20] . . .  [21] . . .
//                 [x.w]                   [30] . . .  [31] . . .
//
//            every row of the batch adds one number of x times a quad of dy to each quad: an outer product
// Cost       16-byte reads per FMA 3/32; x and dy are read from caches but once; with N rows, arithmetic intensity N/2 FLOP/B:
//            for small batches it is bound by writing dk
// Requires   nothing
// Source     04_register_blocked, with both operands the other way round: nothing has to be transposed

override D: u32 = 4;
override O: u32 = 4;
override FIRST: u32 = 0;
override COLUMNS: u32 = O;
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

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dk: array<vec4f>;

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
) {
  let N = arrayLength(&x) / DQ;
  let dq = (group.z * groups.y + group.y) * THREADS_Y + thread.y;
  let column_0 = group.x * (BN / 4) + thread.x;
  let column_1 = column_0 + THREADS_X;
  if (dq >= DQ || column_0 >= COLUMN_QUADS) {
    return;
  }
  let read_0 = FIRST / 4 + column_0;
  // What sticks out reads the last column instead, and is not written.
  let read_1 = FIRST / 4 + min(column_1, COLUMN_QUADS - 1);

  // Named one by one: an array of them would live in memory on drivers that do not unroll loops (SwiftShader).
  var sum_00 = vec4f();
  var sum_01 = vec4f();
  var sum_10 = vec4f();
  var sum_11 = vec4f();
  var sum_20 = vec4f();
  var sum_21 = vec4f();
  var sum_30 = vec4f();
  var sum_31 = vec4f();

  for (var n = 0u; n < N; n++) {
    let x_n = x[n * DQ + dq];
    let dy_0 = dy[n * OQ + read_0];
    let dy_1 = dy[n * OQ + read_1];
    sum_00 += x_n.x * dy_0;
    sum_01 += x_n.x * dy_1;
    sum_10 += x_n.y * dy_0;
    sum_11 += x_n.y * dy_1;
    sum_20 += x_n.z * dy_0;
    sum_21 += x_n.z * dy_1;
    sum_30 += x_n.w * dy_0;
    sum_31 += x_n.w * dy_1;
  }

  let at = 4 * dq * COLUMN_QUADS;
  dk[at + column_0] = sum_00;
  dk[at + COLUMN_QUADS + column_0] = sum_10;
  dk[at + 2 * COLUMN_QUADS + column_0] = sum_20;
  dk[at + 3 * COLUMN_QUADS + column_0] = sum_30;
  if (column_1 < COLUMN_QUADS) {
    dk[at + column_1] = sum_01;
    dk[at + COLUMN_QUADS + column_1] = sum_11;
    dk[at + 2 * COLUMN_QUADS + column_1] = sum_21;
    dk[at + 3 * COLUMN_QUADS + column_1] = sum_31;
  }
}
