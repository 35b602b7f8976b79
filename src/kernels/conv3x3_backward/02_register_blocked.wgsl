// conv3x3_backward / 02 register blocked: the gradient by the kernel of a 3x3 convolution, over slices of the rows of pixels
//
// Computes   partial[s,i,j,c,o] = sum of x[n,h+i-1,w+j-1,c] * dy[n,h,w,o] over the rows (n,h) of slice s and all w
// Shapes     x (N,H,W,C) f32 · dy (N,H,W,O) · layer (H,W,C,O,ROWS) u32 · partial (SLICES,3,3,C,O); slice s has the rows ROWS*s to
//            ROWS*s+ROWS-1 of N*H; C and O multiples of 4, read as quads
// As matmul  rows M: C, for each of 9 taps   columns N: O   depth K: N*H*W, in slices
// Threads    workgroup 8x8 owns 64 rows x 64 columns of a tap in a slice; a thread owns 8x8;
//            dispatch (ceil(O/64), 9*ceil(C/64), SLICES)
// Tile       a thread owns 2 quads of input channels x 2 quads of output channels, half a tile apart: neighbouring threads read
//            neighbouring quads:
//
//                           pixel m of dy:  [dy0] . . . [dy1] . . .
//                 pixel of x under the tap
//                 [x0.x]                    [00] . . .  [01] . . .
//                 [x0.y]                    [10] . . .  [11] . . .
//                  ...                       ...         ...
//                 [x1.w]                    [70] . . .  [71] . . .
//
//            every pixel adds one number of x times a quad of dy to each quad: an outer product
// Cost       global reads per FMA 1/TM + 1/TN = 1/4, many of them from caches. Counted once per workgroup, 1/BM + 1/BN = 1/32:
//            arithmetic intensity 16 FLOP/B. Edges cost nothing: a row outside the image is left out, a column ends the loop
// Requires   nothing
// Changed    against 01: 64 sums per thread; the pixels are split into slices, so that the first layers, whose dk is small, keep all
//            cores busy; sum.wgsl adds the slices up in a fixed order
// Source     linear's backward_kernel, with pixels in place of rows; "split-K" of CUTLASS

const BM: u32 = 64;
const BN: u32 = 64;
const TM: u32 = 8;
const TN: u32 = 8;
// BM and BN may be tuned; a thread's 8x8 is written out below.
const_assert TM == 8 && TN == 8 && BM % TM == 0 && BN % TN == 0;

const THREADS_X: u32 = BN / TN;
const THREADS_Y: u32 = BM / TM;

struct Layer { H: u32, W: u32, C: u32, O: u32, ROWS: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> layer: Layer;
@group(0) @binding(3) var<storage, read_write> partial: array<vec4f>;

// Two quads of columns in one row of dk.
fn store(first: u32, c: u32, oq: u32, sum_0: vec4f, sum_1: vec4f) {
  let OQ = layer.O / 4;
  if (c < layer.C) {
    partial[first + c * OQ + oq] = sum_0;
    if (oq + THREADS_X < OQ) {
      partial[first + c * OQ + oq + THREADS_X] = sum_1;
    }
  }
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) thread: vec3u) {
  let H = layer.H;
  let W = layer.W;
  let CQ = layer.C / 4;
  let OQ = layer.O / 4;
  let tap = group.y % 9;
  let i = tap / 3;
  let j = tap % 3;
  let cq = group.y / 9 * (BM / 4) + thread.y;
  let oq = group.x * (BN / 4) + thread.x;
  if (cq >= CQ || oq >= OQ) {
    return;
  }
  // Quads past the end are clamped to the last one; their sums are not written.
  let c_1 = min(cq + THREADS_Y, CQ - 1);
  let o_1 = min(oq + THREADS_X, OQ - 1);

  // Named one by one: drivers that do not unroll loops (SwiftShader) would keep an array of them in memory.
  var sum_00 = vec4f(); var sum_01 = vec4f();
  var sum_10 = vec4f(); var sum_11 = vec4f();
  var sum_20 = vec4f(); var sum_21 = vec4f();
  var sum_30 = vec4f(); var sum_31 = vec4f();
  var sum_40 = vec4f(); var sum_41 = vec4f();
  var sum_50 = vec4f(); var sum_51 = vec4f();
  var sum_60 = vec4f(); var sum_61 = vec4f();
  var sum_70 = vec4f(); var sum_71 = vec4f();

  let rows = arrayLength(&dy) / (W * OQ);
  // The columns of y whose x under the tap is inside the image.
  let w_first = select(0u, 1u, j == 0);
  let w_end = select(W, W - 1, j == 2);
  for (var row = group.z * layer.ROWS; row < min(rows, (group.z + 1) * layer.ROWS); row++) {
    // Above the image, this wraps around to a huge number: one comparison finds both edges.
    if (row % H + i - 1 >= H) {
      continue;
    }
    for (var w = w_first; w < w_end; w++) {
      let x_at = ((row + i - 1) * W + w + j - 1) * CQ;
      let y_at = (row * W + w) * OQ;
      let x_0 = x[x_at + cq];
      let x_1 = x[x_at + c_1];
      let y_0 = dy[y_at + oq];
      let y_1 = dy[y_at + o_1];
      sum_00 += x_0.x * y_0; sum_01 += x_0.x * y_1;
      sum_10 += x_0.y * y_0; sum_11 += x_0.y * y_1;
      sum_20 += x_0.z * y_0; sum_21 += x_0.z * y_1;
      sum_30 += x_0.w * y_0; sum_31 += x_0.w * y_1;
      sum_40 += x_1.x * y_0; sum_41 += x_1.x * y_1;
      sum_50 += x_1.y * y_0; sum_51 += x_1.y * y_1;
      sum_60 += x_1.z * y_0; sum_61 += x_1.z * y_1;
      sum_70 += x_1.w * y_0; sum_71 += x_1.w * y_1;
    }
  }

  let first = (group.z * 9 + tap) * layer.C * OQ;
  let c = 4 * cq;
  store(first, c, oq, sum_00, sum_01);
  store(first, c + 1, oq, sum_10, sum_11);
  store(first, c + 2, oq, sum_20, sum_21);
  store(first, c + 3, oq, sum_30, sum_31);
  let c_far = 4 * (cq + THREADS_Y);
  store(first, c_far, oq, sum_40, sum_41);
  store(first, c_far + 1, oq, sum_50, sum_51);
  store(first, c_far + 2, oq, sum_60, sum_61);
  store(first, c_far + 3, oq, sum_70, sum_71);
}
