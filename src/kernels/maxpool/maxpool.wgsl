// maxpool: the largest number of each channel over height and width
//
// Computes   y[n,c] = max_{h,w} x[n,h,w,c]
// Shapes     x (N,H,W,C) f32 · y (N,C); C a multiple of 4, read as quads of channels
// Threads    workgroup of 4x64 owns 4 quads of y, 64 lanes for each; lane l looks at positions l, l+64, ... of the H*W;
//            dispatch (ceil(C/16), N)
// Tile       the 64 lanes' largest meet in workgroup memory, pairwise, as the sums of avgpool do
// Cost       global reads per output H*W, every number of x read once; arithmetic intensity 0.25 FLOP/B: memory bound
// Requires   nothing
// Source     Oquab et al., "Is object localization for free?", CVPR 2015: the score of an object is that of the place where it is
//            seen best

override H: u32 = 1;
override W: u32 = 1;
override C: u32 = 4;
override CQ: u32 = C / 4;
override POSITIONS: u32 = H * W;

const QUADS: u32 = 4;
const LANES: u32 = 64;
const_assert (LANES & (LANES - 1)) == 0;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

var<workgroup> largest: array<array<vec4f, QUADS>, LANES>;

@compute @workgroup_size(QUADS, LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let n = group.y;
  let cq = group.x * QUADS + local.x;
  let lane = local.y;

  // A lane without a position of its own repeats the last.
  var found = vec4f();
  if (cq < CQ) {
    found = x[(n * POSITIONS + min(lane, POSITIONS - 1)) * CQ + cq];
    for (var p = lane + LANES; p < POSITIONS; p += LANES) {
      found = max(found, x[(n * POSITIONS + p) * CQ + cq]);
    }
  }
  largest[lane][local.x] = found;
  for (var stride = LANES / 2; stride > 0; stride /= 2) {
    workgroupBarrier();
    if (lane < stride) {
      largest[lane][local.x] = max(largest[lane][local.x], largest[lane + stride][local.x]);
    }
  }
  if (lane == 0 && cq < CQ) {
    y[n * CQ + cq] = largest[0][local.x];
  }
}
