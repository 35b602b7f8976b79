// conv3x3_backward / 01 naive: the gradient by the kernel of a 3x3 convolution
//
// Computes   dk[i,j,c,o] = sum_{n,h,w} x[n,h+i-1,w+j-1,c] * dy[n,h,w,o]; with ACCUMULATE, added to what dk holds
// Shapes     x (N,H,W,C) f32 · dy (N,H,W,O) · layer (H,W,C,O,ACCUMULATE) u32 · dk (3,3,C,O)
// As matmul  rows M: 9*C   columns N: O   depth K: N*H*W; the left matrix is x, shifted by a tap and transposed
// Threads    workgroup 16x16 owns 16 rows x 16 channels of dk; a thread owns 1; dispatch (ceil(O/16), ceil(9*C/16))
// Tile       none: every thread goes over all pixels, and its neighbours read the same numbers again
//
//                 x, shifted: rows (9*C) x pixels      dy: pixels x channels (O)      dk (9*C x O)
//                 . . . . . . . . . .                  . . # . . . .                  . . . . . . .
//                 # # # # # # # # # #                  . . # . . . .                  . . # . . . .
//                 . . . . . . . . . .                  . . # . . . .                  . . . . . . .
//
// Cost       global reads per FMA 2. Counted once per workgroup, 1/BM + 1/BN = 1/8: arithmetic intensity 4 FLOP/B. The first layers
//            have few numbers in dk and many pixels: 9*64*64 threads with 50176 pixels each per image at 224 px
// Requires   nothing
// Changed    the first rung: the formula, as it stands
// Source     the chain rule on conv3x3's formula: each weight is a factor of one x in every pixel of y

const BM: u32 = 16;
const BN: u32 = 16;

struct Layer { H: u32, W: u32, C: u32, O: u32, ACCUMULATE: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> layer: Layer;
@group(0) @binding(3) var<storage, read_write> dk: array<f32>;

@compute @workgroup_size(BN, BM)
fn main(@builtin(global_invocation_id) gid: vec3u) {
  let H = layer.H;
  let W = layer.W;
  let o = gid.x;
  let m = gid.y;
  if (o >= layer.O || m >= 9 * layer.C) {
    return;
  }
  let i = m / layer.C / 3;
  let j = m / layer.C % 3;
  let c = m % layer.C;

  var sum = 0.0;
  for (var row = 0u; row < arrayLength(&dy) / (W * layer.O); row++) {
    // Above and left of the image, these wrap around to huge numbers: one comparison finds both edges.
    if (row % H + i - 1 >= H) {
      continue;
    }
    for (var w = 0u; w < W; w++) {
      if (w + j - 1 < W) {
        sum += x[((row + i - 1) * W + w + j - 1) * layer.C + c] * dy[(row * W + w) * layer.O + o];
      }
    }
  }
  let at = m * layer.O + o;
  if (layer.ACCUMULATE != 0) {
    sum += dk[at];
  }
  dk[at] = sum;
}
