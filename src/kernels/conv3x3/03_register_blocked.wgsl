// conv3x3 / 03 register blocked: 3x3 convolution, stride 1, same padding, with bias and ReLU
//
// Computes   y[n,h,w,o] = relu(b[o] + sum_{i,j,c} x[n,h+i-1,w+j-1,c] * k[i,j,c,o]); with MASK, the sum where b[n,h,w,o] > 0, else 0
// Shapes     x (N,H,W,C) f32 · k (3,3,C,O) · b (O), with MASK (N,H,W,O) · y (N,H,W,O); C and O multiples of 4, read as quads of channels
// As matmul  rows M: N*H*W   columns N: O   depth K: 9*C
// Threads    workgroup 8x16 owns 64 pixels x 64 channels of y; a thread owns 4x8; dispatch (ceil(O/64), M/64 over y and z)
// Tile       a thread owns 4 pixels x 2 quads of channels, spread out so that neighbouring threads read neighbouring quads:
//
//                                             tile_k: BK x BN
//                                             [k0] . . . [k1] . . .
//                 tile_x: BM x BK
//                 [x0] .                      [00] . . . [01] . . .      BM / 4 pixels apart
//                 [x1] .                      [10] . . . [11] . . .
//                  :   .                       :   . . .  :   . . .      BN / 2 channels apart
//
//            [x] is 4 depths of a pixel, [k] 4 channels x 4 depths, a column per depth: [y] += [k] * [x], matrix times vector
// Cost       global reads per FMA 1/BM + 1/BN = 1/32: arithmetic intensity 16 FLOP/B (02: 4); workgroup reads per FMA 1/TM + 1/TN
//            = 3/8 (02: 2); workgroup memory BM*BK + BK*BN numbers = 8 KiB; barriers 2 per BK depths
// Requires   nothing
// Changed    against 02: 32 sums per thread in registers instead of 1, so that each number that is read is used 4 or 8 times
// Source     "2D block tiling" of S. Boehm, How to optimize a CUDA matmul kernel (2022), on the implicit matrix

override H: u32 = 1;
override W: u32 = 1;
override C: u32 = 4;
override O: u32 = 4;
override RELU: bool = true;
override MASK: bool = false; // y is a gradient, and goes through the ReLU that gave b
override CQ: u32 = C / 4; // in quads: four channels, one vec4
override OQ: u32 = O / 4;

const BM: u32 = 64;
const BN: u32 = 64; // BM, BN and BK may be tuned; a thread's 4x8 is written out below
const BK: u32 = 16;
const TM: u32 = 4;
const TN: u32 = 8;
const_assert TM == 4 && TN == 8 && BM % TM == 0 && BN % TN == 0 && BK % 4 == 0;

const THREADS_X: u32 = BN / TN;
const THREADS_Y: u32 = BM / TM;
const THREADS: u32 = THREADS_X * THREADS_Y;
const BNQ: u32 = BN / 4;
const BKQ: u32 = BK / 4;

// Four weights as they are stored; the loader puts f16 here.
alias WeightQuad = vec4f;
fn widen(q: WeightQuad) -> vec4f { return vec4f(q); }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<WeightQuad>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

var<workgroup> tile_x: array<array<vec4f, BM>, BKQ>; // transposed: pixels of neighbouring threads lie side by side
var<workgroup> tile_k: array<array<vec4f, BNQ>, BK>;

// Four input channels of pixel m under tap (i,j): zero outside the image, and past the end of the matrix.
fn input(m: u32, i: u32, j: u32, cq: u32) -> vec4f {
  let n = m / (H * W);
  let row = m / W % H + i - 1;
  let column = m % W + j - 1;
  if (m >= arrayLength(&y) / OQ || row >= H || column >= W || cq >= CQ) {
    return vec4f();
  }
  return x[((n * H + row) * W + column) * CQ + cq];
}

// Depths 4*dq to 4*dq+3, a column each, of four output channels.
fn kernel_block(dq: u32, oq: u32) -> mat4x4f {
  let d = 4 * dq;
  return mat4x4f(tile_k[d][oq], tile_k[d + 1][oq], tile_k[d + 2][oq], tile_k[d + 3][oq]);
}

fn store(m: u32, oq: u32, sum: vec4f) {
  if (m < arrayLength(&y) / OQ && oq < OQ) {
    let at = m * OQ + oq;
    let b_at = b[select(oq, at, MASK)];
    let value = select(sum + b_at, select(vec4f(), sum, b_at > vec4f()), MASK);
    y[at] = select(value, max(value, vec4f()), RELU);
  }
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
  @builtin(local_invocation_index) t: u32,
) {
  let o0 = group.x * BNQ;
  let m0 = (group.z * groups.y + group.y) * BM;

  // Named one by one: drivers that do not unroll loops (SwiftShader) would keep an array of them in memory.
  var sum_00 = vec4f();
  var sum_01 = vec4f();
  var sum_10 = vec4f();
  var sum_11 = vec4f();
  var sum_20 = vec4f();
  var sum_21 = vec4f();
  var sum_30 = vec4f();
  var sum_31 = vec4f();

  for (var tap = 0u; tap < 9; tap++) {
    for (var c0 = 0u; c0 < CQ; c0 += BKQ) {
      for (var e = t; e < BM * BKQ; e += THREADS) {
        tile_x[e % BKQ][e / BKQ] = input(m0 + e / BKQ, tap / 3, tap % 3, c0 + e % BKQ);
      }
      for (var e = t; e < BK * BNQ; e += THREADS) {
        let c = 4 * c0 + e / BNQ;
        let oq = o0 + e % BNQ;
        tile_k[e / BNQ][e % BNQ] = vec4f();
        if (c < C && oq < OQ) {
          tile_k[e / BNQ][e % BNQ] = widen(k[(tap * C + c) * OQ + oq]);
        }
      }
      workgroupBarrier();

      let depth = min(BKQ, CQ - c0);
      for (var dq = 0u; dq < depth; dq++) {
        let k_0 = kernel_block(dq, thread.x);
        let k_1 = kernel_block(dq, thread.x + THREADS_X);
        let x_0 = tile_x[dq][thread.y];
        let x_1 = tile_x[dq][thread.y + THREADS_Y];
        let x_2 = tile_x[dq][thread.y + 2 * THREADS_Y];
        let x_3 = tile_x[dq][thread.y + 3 * THREADS_Y];
        sum_00 += k_0 * x_0;
        sum_01 += k_1 * x_0;
        sum_10 += k_0 * x_1;
        sum_11 += k_1 * x_1;
        sum_20 += k_0 * x_2;
        sum_21 += k_1 * x_2;
        sum_30 += k_0 * x_3;
        sum_31 += k_1 * x_3;
      }
      workgroupBarrier();
    }
  }

  let m = m0 + thread.y;
  let oq = o0 + thread.x;
  store(m, oq, sum_00);
  store(m, oq + THREADS_X, sum_01);
  store(m + THREADS_Y, oq, sum_10);
  store(m + THREADS_Y, oq + THREADS_X, sum_11);
  store(m + 2 * THREADS_Y, oq, sum_20);
  store(m + 2 * THREADS_Y, oq + THREADS_X, sum_21);
  store(m + 3 * THREADS_Y, oq, sum_30);
  store(m + 3 * THREADS_Y, oq + THREADS_X, sum_31);
}
