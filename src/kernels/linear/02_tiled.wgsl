// linear / 02 tiled: a fully connected layer, with bias and ReLU, for large batches
//
// Computes   y[n,o] = relu(b[o] + sum_d x[n,d] * k[d,o]) for the columns o of one piece of k
// Shapes     x (N,D) f32 · k (D,COLUMNS), columns FIRST to FIRST+COLUMNS-1 of (D,O) · b (O) · y (N,O)
// As matmul  rows M: the batch N   columns N: O   depth K: D
// Threads    workgroup 16x16 owns 16 rows x 16 columns of y; a thread owns 1; dispatch (ceil(COLUMNS/16), ceil(N/16))
// Tile       for each BK of the depth, the workgroup copies two tiles, then shares them:
//
//                                  tile_k: BK x BN
//                                  k k k k . . . .
//                                  k k k k . . . .
//                 tile_x: BM x BK
//                 x x . . . .      y y y y . . . .      y: BM x BN, one thread each
//                 x x . . . .      y y y y . . . .
//
// Cost       global reads per FMA 1/BM + 1/BN = 1/8: arithmetic intensity 4 FLOP/B (01: 0.5); workgroup reads per FMA 2; workgroup
//            memory BM*BK + BK*BN numbers = 2 KiB; barriers 2 per BK depths. With fewer than 16 rows, part of the tile is empty: see 03
// Requires   nothing
// Changed    against 01: a number is read from global memory once per workgroup, not once per thread
// Source     the tiled matrix multiplication of every GPU textbook

override D: u32 = 4;
override O: u32 = 4;
override FIRST: u32 = 0;
override COLUMNS: u32 = O;
override RELU: bool = true;

const BM: u32 = 16;
const BN: u32 = 16;
const BK: u32 = 16;
// Every thread copies one number of each tile.
const_assert BM == BK && BN == BK;

// A weight as it is stored; the loader puts f16 here.
alias Weight = f32;
fn weight(index: u32) -> f32 { return f32(k[index]); }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<Weight>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

var<workgroup> tile_x: array<array<f32, BK>, BM>;
var<workgroup> tile_k: array<array<f32, BN>, BK>;

@compute @workgroup_size(BN, BM)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) thread: vec3u) {
  let column = group.x * BN + thread.x;
  let n = group.y * BM + thread.y;
  let N = arrayLength(&y) / O;

  var sum = 0.0;
  for (var d0 = 0u; d0 < D; d0 += BK) {
    tile_x[thread.y][thread.x] = 0;
    if (n < N && d0 + thread.x < D) {
      tile_x[thread.y][thread.x] = x[n * D + d0 + thread.x];
    }
    tile_k[thread.y][thread.x] = 0;
    if (d0 + thread.y < D && column < COLUMNS) {
      tile_k[thread.y][thread.x] = weight((d0 + thread.y) * COLUMNS + column);
    }
    workgroupBarrier();

    let depth = min(BK, D - d0);
    for (var d = 0u; d < depth; d++) {
      sum += tile_x[thread.y][d] * tile_k[d][thread.x];
    }
    workgroupBarrier();
  }
  // No early return before the barriers: they need every thread.
  if (n < N && column < COLUMNS) {
    let o = FIRST + column;
    sum += b[o];
    y[n * O + o] = select(sum, max(sum, 0.0), RELU);
  }
}
