// conv3x3 / 02 tiled: 3x3 convolution, stride 1, same padding, with bias and ReLU
//
// Computes   y[n,h,w,o] = relu(b[o] + sum_{i,j,c} x[n,h+i-1,w+j-1,c] * k[i,j,c,o]); with MASK, the sum where b[n,h,w,o] > 0, else 0
// Shapes     x (N,H,W,C) f32 · k (3,3,C,O) · b (O), with MASK (N,H,W,O) · y (N,H,W,O)
// As matmul  rows M: N*H*W   columns N: O   depth K: 9*C
// Threads    workgroup 16x16 owns 16 pixels x 16 channels of y; a thread owns 1; dispatch (ceil(O/16), M/16 over y and z)
// Tile       for each of the 9 taps and each BK input channels, the workgroup copies two tiles, then shares them:
//
//                                  tile_k: BK x BN
//                                  k k k k . . . .
//                                  k k k k . . . .
//                 tile_x: BM x BK
//                 x x . . . .      y y y y . . . .      y: BM x BN, one thread each
//                 x x . . . .      y y y y . . . .
//
// Cost       global reads per FMA 1/BM + 1/BN = 1/8: arithmetic intensity 4 FLOP/B, whatever caches there are; workgroup reads
//            per FMA 2; workgroup memory BM*BK + BK*BN numbers = 2 KiB; barriers 2 per BK depths
// Requires   nothing
// Changed    against 01: a number is read from global memory once per workgroup, not once per thread
// Source     the tiled matrix multiplication of every GPU textbook, on the convolution's implicit matrix

override H: u32 = 1;
override W: u32 = 1;
override C: u32 = 4;
override O: u32 = 4;
override RELU: bool = true;
override MASK: bool = false; // y is a gradient, and goes through the ReLU that gave b

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

// The input of pixel m under tap (i,j): zero outside the image, and in rows and columns past the end of the matrix.
fn input(m: u32, i: u32, j: u32, c: u32) -> f32 {
  let M = arrayLength(&y) / O;
  let n = m / (H * W);
  let row = m / W % H + i - 1;
  let column = m % W + j - 1;
  if (m >= M || row >= H || column >= W || c >= C) {
    return 0;
  }
  return x[((n * H + row) * W + column) * C + c];
}

@compute @workgroup_size(BN, BM)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
) {
  let o = group.x * BN + thread.x;
  let m = (group.z * groups.y + group.y) * BM + thread.y;
  let M = arrayLength(&y) / O;

  var sum = 0.0;
  for (var tap = 0u; tap < 9; tap++) {
    for (var c0 = 0u; c0 < C; c0 += BK) {
      tile_x[thread.y][thread.x] = input(m, tap / 3, tap % 3, c0 + thread.x);
      let c = c0 + thread.y;
      tile_k[thread.y][thread.x] = 0;
      if (c < C && o < O) {
        tile_k[thread.y][thread.x] = weight((tap * C + c) * O + o);
      }
      // The tiles are complete.
      workgroupBarrier();

      let depth = min(BK, C - c0);
      for (var d = 0u; d < depth; d++) {
        sum += tile_x[thread.y][d] * tile_k[d][thread.x];
      }
      // Everyone has used the tiles: only now may a faster thread write the next ones.
      workgroupBarrier();
    }
  }
  // No early return before the barriers: they need every thread.
  if (m < M && o < O) {
    let at = m * O + o;
    let b_at = b[select(o, at, MASK)];
    let value = select(sum + b_at, select(0.0, sum, b_at > 0), MASK);
    y[at] = select(value, max(value, 0.0), RELU);
  }
}
