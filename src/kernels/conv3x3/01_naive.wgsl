// conv3x3 / 01 naive: 3x3 convolution, stride 1, same padding, with bias and ReLU
//
// Computes   y[n,h,w,o] = relu(b[o] + sum_{i,j,c} x[n,h+i-1,w+j-1,c] * k[i,j,c,o]); with MASK, the sum where b[n,h,w,o] > 0, else 0
// Shapes     x (N,H,W,C) f32 · k (3,3,C,O) · b (O), with MASK (N,H,W,O) · y (N,H,W,O)
// As matmul  rows M: N*H*W   columns N: O   depth K: 9*C
// Threads    workgroup 16x16 owns 16 pixels x 16 channels of y; a thread owns 1; dispatch (ceil(O/16), M/16 over y and z)
// Tile       none: every thread reads all it needs from global memory, and its neighbours read the same numbers again
//
//                 x: pixels (M) x depth (K)        k: depth (K) x channels (O)         y (M x O)
//                 . . . . . . . . . .              . . # . . . .                       . . . . . . .
//                 # # # # # # # # # #              . . # . . . .                       . . # . . . .
//                 . . . . . . . . . .              . . # . . . .                       . . . . . . .
//
// Cost       global reads per FMA 2, in all 18*C per output. Counted once per workgroup, 1/BM + 1/BN = 1/8: arithmetic intensity 4 FLOP/B,
//            where a cache holds what the workgroup shares; without caches, 2 numbers per FMA come to 0.25 FLOP/B
// Requires   nothing
// Changed    the first rung: the formula, as it stands
// Source     Simonyan & Zisserman 2014 (arXiv:1409.1556), section 2.1

override H: u32 = 1;
override W: u32 = 1;
override C: u32 = 4;
override O: u32 = 4;
override RELU: bool = true;
override MASK: bool = false; // y is a gradient, and goes through the ReLU that gave b

const BM: u32 = 16;
const BN: u32 = 16;

// A weight as it is stored; the loader puts f16 here.
alias Weight = f32;
fn weight(index: u32) -> f32 { return f32(k[index]); }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<Weight>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(BN, BM)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
) {
  // The batch is not a constant, so that one pipeline serves every batch: the length of y tells it.
  let M = arrayLength(&y) / O;
  let o = group.x * BN + thread.x;
  let m = (group.z * groups.y + group.y) * BM + thread.y;
  if (o >= O || m >= M) {
    return;
  }
  let n = m / (H * W);
  let h = m / W % H;
  let w = m % W;

  var sum = 0.0;
  for (var i = 0u; i < 3; i++) {
    for (var j = 0u; j < 3; j++) {
      // Left of and above the image, these wrap around to huge numbers: one comparison finds both edges.
      let row = h + i - 1;
      let column = w + j - 1;
      if (row >= H || column >= W) {
        continue;
      }
      let x_start = ((n * H + row) * W + column) * C;
      let k_start = (i * 3 + j) * C * O + o;
      for (var c = 0u; c < C; c++) {
        sum += x[x_start + c] * weight(k_start + c * O);
      }
    }
  }
  let at = m * O + o;
  let b_at = b[select(o, at, MASK)];
  let value = select(sum + b_at, select(0.0, sum, b_at > 0), MASK);
  y[at] = select(value, max(value, 0.0), RELU);
}
