// maxpool2x2: the largest of each 2x2 window, stride 2, and where it was: for training
//
// Computes   y[n,h,w,c] = max_{i,j in 0,1} x[n,2h+i,2w+j,c], and its place 2i+j; of equal numbers, the first. An odd last row or
//            column is left out
// Shapes     x (N,H,W,C) f32 · layer (H,W,C) u32 · y (N,floor(H/2),floor(W/2),C) · positions (N,ceil(H/4),ceil(W/4),C/4) u32;
//            C a multiple of 4, read as quads of channels
// Threads    a thread owns a word of positions, which is a quad of y in 2x2 windows; neighbouring threads own neighbouring quads;
//            dispatch ceil(words/64), as a rectangle
// Tile       a word holds 16 places of two bits: 4x4 pixels of x are 2x2 windows, with four channels each:
//
//                 x x | x x        bits  0 to  7   channels 0 1 2 3 of the upper left window
//                 x x | x x              8 to 15   of the upper right
//                 ----+----             16 to 23   of the lower left
//                 x x | x x             24 to 31   of the lower right; zeros for a window that is not there
//                 x x | x x
//
// Cost       global reads per output 4, writes 17/16; arithmetic intensity 0.15 FLOP/B: memory bound
// Requires   nothing
// Source     ties as PyTorch breaks them: the first in the order of rows, then columns

const THREADS: u32 = 64;

struct Layer { H: u32, W: u32, C: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> layer: Layer;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> positions: array<u32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let word = gid.y * groups.x * THREADS + gid.x;
  if (word >= arrayLength(&positions)) {
    return;
  }
  let W = layer.W;
  let CQ = layer.C / 4;
  let cq = word % CQ;
  let tiles_w = (W + 3) / 4;
  let tiles_h = (layer.H + 3) / 4;
  let tile_w = word / CQ % tiles_w;
  let tile_h = word / CQ / tiles_w % tiles_h;
  let n = word / CQ / tiles_w / tiles_h;

  var places = 0u;
  for (var window = 0u; window < 4; window++) {
    let h = 2 * tile_h + window / 2;
    let w = 2 * tile_w + window % 2;
    if (h >= layer.H / 2 || w >= W / 2) {
      continue;
    }
    let top = ((n * layer.H + 2 * h) * W + 2 * w) * CQ + cq;
    var largest = x[top];
    var place = vec4u();
    for (var other = 1u; other < 4; other++) {
      let value = x[top + (other / 2 * W + other % 2) * CQ];
      let is_larger = value > largest;
      largest = select(largest, value, is_larger);
      place = select(place, vec4u(other), is_larger);
    }
    y[((n * (layer.H / 2) + h) * (W / 2) + w) * CQ + cq] = largest;
    let bits = place << vec4u(0, 2, 4, 6);
    places |= (bits.x | bits.y | bits.z | bits.w) << (8 * window);
  }
  positions[word] = places;
}
