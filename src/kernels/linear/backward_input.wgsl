// linear: the gradient by the input, of a fully connected layer
//
// Computes   dx[n,d] = sum_o dy[n,o] * k[d,o] over the columns o of one piece of k, added to what the pieces before it gave
// Shapes     dy (N,O) f32 · k (D,COLUMNS), columns FIRST to FIRST+COLUMNS-1 of (D,O) · dx (N,D);
//            D, O, FIRST and COLUMNS multiples of 4, read as quads
// As matmul  rows M: the batch N   columns N: D   depth K: O
// Threads    workgroup 8x8 owns 32 rows x 8 depths of dx; 8 lanes share 4x8 of it; dispatch ceil(D/8) over x and y, ceil(N/32)
// Tile       k lies along what is summed, so neighbours share a sum instead of owning neighbouring ones:
//
//                 row d of k    lane 0 | lane 1 | ... | lane 7 | lane 0 | ...    a quad of columns each, then the next
//                 row n of dy   lane 0 | lane 1 | ... | lane 7 | lane 0 | ...
//
//            [dy] is 4 columns of a row, [k] 4 columns x 4 depths: [sum] += [dy] * [k] is a vector times a 4x4 matrix.
//            A lane has 8 quads of sums; in the end lane i adds up all lanes' quad i, in the order of the lanes
// Cost       global reads per FMA 1/TM + 1/TN = 3/8, many of them from caches; 8 quads per thread go through workgroup memory, once.
//            Counted once per workgroup, 1/BM + 1/BN = 5/32: arithmetic intensity 3.2 FLOP/B
// Requires   nothing
// Source     a matrix product with k transposed: k need not be transposed in memory, because a vector may stand on either side of a
//            matrix; lanes as in avgpool

override D: u32 = 4;
override O: u32 = 4;
override FIRST: u32 = 0;
override COLUMNS: u32 = O;
override DQ: u32 = D / 4; // in quads: four depths or columns, one vec4
override OQ: u32 = O / 4;
override COLUMN_QUADS: u32 = COLUMNS / 4;

const BM: u32 = 32;
const BN: u32 = 8;
const TM: u32 = 4;
const TN: u32 = 8;
const LANES: u32 = 8;
// BM may be tuned; a thread's 4x8 and the quad of each lane are written out below.
const_assert TM == 4 && TN == 8 && BN == TN;
const_assert LANES == TM * TN / 4;
const_assert BM % TM == 0;

const THREADS_Y: u32 = BM / TM;

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;

var<workgroup> partial: array<array<array<vec4f, LANES>, LANES>, THREADS_Y>;

// Depths 4*dq to 4*dq+3, a matrix column each, of a quad of columns of k. Depths past the end are clamped, and not written.
fn kernel_block(dq: u32, column: u32) -> mat4x4f {
  let at = 4 * min(dq, DQ - 1) * COLUMN_QUADS + column;
  return mat4x4f(k[at], k[at + COLUMN_QUADS], k[at + 2 * COLUMN_QUADS], k[at + 3 * COLUMN_QUADS]);
}

@compute @workgroup_size(LANES, THREADS_Y)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
) {
  let N = arrayLength(&dy) / OQ;
  let dq = (group.y * groups.x + group.x) * (BN / 4);
  let n = group.z * BM + thread.y * TM;
  let lane = thread.x;
  // Rows past the end are clamped to the last one; their sums are not written.
  let row_0 = min(n, N - 1) * OQ + FIRST / 4;
  let row_1 = min(n + 1, N - 1) * OQ + FIRST / 4;
  let row_2 = min(n + 2, N - 1) * OQ + FIRST / 4;
  let row_3 = min(n + 3, N - 1) * OQ + FIRST / 4;

  // Named one by one: drivers that do not unroll loops (SwiftShader) would keep an array of them in memory.
  var sum_00 = vec4f();
  var sum_01 = vec4f();
  var sum_10 = vec4f();
  var sum_11 = vec4f();
  var sum_20 = vec4f();
  var sum_21 = vec4f();
  var sum_30 = vec4f();
  var sum_31 = vec4f();

  for (var column = lane; column < COLUMN_QUADS; column += LANES) {
    let k_0 = kernel_block(dq, column);
    let k_1 = kernel_block(dq + 1, column);
    let dy_0 = dy[row_0 + column];
    let dy_1 = dy[row_1 + column];
    let dy_2 = dy[row_2 + column];
    let dy_3 = dy[row_3 + column];
    sum_00 += dy_0 * k_0;
    sum_01 += dy_0 * k_1;
    sum_10 += dy_1 * k_0;
    sum_11 += dy_1 * k_1;
    sum_20 += dy_2 * k_0;
    sum_21 += dy_2 * k_1;
    sum_30 += dy_3 * k_0;
    sum_31 += dy_3 * k_1;
  }

  partial[thread.y][0][lane] = sum_00;
  partial[thread.y][1][lane] = sum_01;
  partial[thread.y][2][lane] = sum_10;
  partial[thread.y][3][lane] = sum_11;
  partial[thread.y][4][lane] = sum_20;
  partial[thread.y][5][lane] = sum_21;
  partial[thread.y][6][lane] = sum_30;
  partial[thread.y][7][lane] = sum_31;
  workgroupBarrier();

  let own_row = n + lane / 2;
  let own_quad = dq + lane % 2;
  if (own_row >= N || own_quad >= DQ) {
    return;
  }
  let at = own_row * DQ + own_quad;
  var sum = vec4f();
  for (var other = 0u; other < LANES; other++) {
    sum += partial[thread.y][lane][other];
  }
  if (FIRST > 0) {
    sum += dx[at];
  }
  dx[at] = sum;
}
