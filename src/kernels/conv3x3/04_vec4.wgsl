// conv3x3 / 04 vec4: 3x3 convolution, stride 1, same padding, with bias and ReLU
//
// Computes   y[n,h,w,o] = relu(b[o] + sum_{i,j,c} x[n,h+i-1,w+j-1,c] * k[i,j,c,o]); with MASK, the sum where b[n,h,w,o] > 0, else 0
// Shapes     x (N,H,W,C) f32 · k (3,3,C,O) · b (O), with MASK (N,H,W,O) · y (N,H,W,O); C and O multiples of 4, read as quads of channels
// Threads    workgroup 1x32 owns 32 strips of 4 pixels x 4 channels of y; a thread owns 4x4;
//            dispatch (O/4, N*H*ceil(W/4)/32 over y and z)
// Tile       a thread owns 4 neighbouring pixels x a quad of channels; 6 pixels of x serve all three taps of a row of k:
//
//                 x: 6 pixels of a row           [x0] [x1] [x2] [x3] [x4] [x5]
//                 tap 0 of the row of k           y0   y1   y2   y3
//                 tap 1                                y0   y1   y2   y3
//                 tap 2                                     y0   y1   y2   y3
//
//            [x] is 4 depths of a pixel, [k] 4 channels x 4 depths, a column per depth: [y] += [k] * [x], matrix times vector
// Cost       global reads per FMA (TM+2)/(3*TM*TN) + 1/TM = 1/8 + 1/4 = 3/8, most of them from caches; nothing is copied, no barriers.
//            Counted once per workgroup, 1/(3*BN) + 1/BM = 1/12 + 1/128: arithmetic intensity 5.5 FLOP/B (03: 16). On a graphics
//            card, neighbouring threads read 4 pixels apart, so that their reads do not become one access
// Requires   nothing
// Changed    against 03: no tiles, no barriers; a pixel is read once for three taps; a row outside the image is not computed
// Source     direct convolution by rows, as in J. Zhang et al. 2018 (arXiv:1809.10170)

override H: u32 = 1;
override W: u32 = 1;
override C: u32 = 4;
override O: u32 = 4;
override RELU: bool = true;
override MASK: bool = false; // y is a gradient, and goes through the ReLU that gave b
override CQ: u32 = C / 4; // in quads: four channels, one vec4
override OQ: u32 = O / 4;

const BM: u32 = 128;
const BN: u32 = 4;
const TM: u32 = 4;
const TN: u32 = 4;
// BM and BN may be tuned; a thread's 4x4 is written out below.
const_assert TM == 4 && TN == 4;
const_assert BM % TM == 0 && BN % TN == 0;

const THREADS_X: u32 = BN / TN;
const THREADS_Y: u32 = BM / TM;

// Four weights as they are stored; the loader puts f16 here.
alias WeightQuad = vec4f;
fn widen(q: WeightQuad) -> vec4f { return vec4f(q); }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<WeightQuad>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

// Four input channels of a pixel in a row that is inside the image: zero where its column is outside.
fn input(row_start: u32, column: u32, cq: u32) -> vec4f {
  if (column >= W) {
    return vec4f();
  }
  return x[(row_start + column) * CQ + cq];
}

// Channels 4*cq to 4*cq+3 under a tap, a column each, for four output channels.
fn kernel_block(tap: u32, cq: u32, oq: u32) -> mat4x4f {
  let at = (tap * C + 4 * cq) * OQ + oq;
  return mat4x4f(widen(k[at]), widen(k[at + OQ]), widen(k[at + 2 * OQ]), widen(k[at + 3 * OQ]));
}

fn store(row_start: u32, column: u32, oq: u32, sum: vec4f) {
  if (column < W && oq < OQ) {
    let at = (row_start + column) * OQ + oq;
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
) {
  // A strip does not continue in the next row: where W is not a multiple of 4, the last one of a row ends outside the image.
  let strips = (W + TM - 1) / TM;
  let strip = (group.z * groups.y + group.y) * THREADS_Y + thread.y;
  let nh = strip / strips; // row h of image n is row n * H + h of all
  let w = strip % strips * TM;
  let oq = group.x * (BN / 4) + thread.x;
  if (nh >= arrayLength(&y) / (W * OQ) || oq >= OQ) {
    return;
  }

  // Named one by one: drivers that do not unroll loops (SwiftShader) would keep an array of them in memory.
  var sum_0 = vec4f();
  var sum_1 = vec4f();
  var sum_2 = vec4f();
  var sum_3 = vec4f();

  // Only rows inside the image. Their number is not a constant, which also keeps compilers from unrolling this loop.
  let h = nh % H;
  for (var i = u32(h == 0); i < min(3, H + 1 - h); i++) {
    let row_start = (nh + i - 1) * W;
    for (var cq = 0u; cq < CQ; cq++) {
      // Left of the image, w - 1 wraps around to a huge number, which is outside as well.
      let x_0 = input(row_start, w - 1, cq);
      let x_1 = input(row_start, w, cq);
      let x_2 = input(row_start, w + 1, cq);
      let x_3 = input(row_start, w + 2, cq);
      let x_4 = input(row_start, w + 3, cq);
      let x_5 = input(row_start, w + 4, cq);
      let k_0 = kernel_block(3 * i, cq, oq);
      sum_0 += k_0 * x_0;
      sum_1 += k_0 * x_1;
      sum_2 += k_0 * x_2;
      sum_3 += k_0 * x_3;
      let k_1 = kernel_block(3 * i + 1, cq, oq);
      sum_0 += k_1 * x_1;
      sum_1 += k_1 * x_2;
      sum_2 += k_1 * x_3;
      sum_3 += k_1 * x_4;
      let k_2 = kernel_block(3 * i + 2, cq, oq);
      sum_0 += k_2 * x_2;
      sum_1 += k_2 * x_3;
      sum_2 += k_2 * x_4;
      sum_3 += k_2 * x_5;
    }
  }

  let row_start = nh * W;
  store(row_start, w, oq, sum_0);
  store(row_start, w + 1, oq, sum_1);
  store(row_start, w + 2, oq, sum_2);
  store(row_start, w + 3, oq, sum_3);
}
