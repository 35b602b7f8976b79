// avgpool: the mean of each channel over height and width
//
// Computes   y[n,c] = sum_{h,w} x[n,h,w,c] / (H*W)
// Shapes     x (N,H,W,C) f32 · y (N,C); C a multiple of 4, read as quads of channels
// Threads    workgroup of 4x64 owns 4 quads of y, 64 lanes for each; lane l adds up positions l, l+64, ... of the H*W;
//            dispatch (ceil(C/16), N)
// Tile       the 64 lanes' sums meet in workgroup memory, pairwise, in a fixed order:
//
//                 s0 s1 s2 s3 ...   ->   s0+s32 s1+s33 ...   ->   ...   ->   the quad's
//
// Cost       global reads per output H*W, every number of x read once; arithmetic intensity 0.25 FLOP/B: memory bound.
//            A lane adds 1 position at 7x7, 4 at 14x14, 784 at 224x224: with one thread per quad, it would add 50,176 one by one
// Requires   nothing
// Source     Lin, Chen and Yan, "Network In Network", 2013 (arXiv:1312.4400), section 3.2

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

var<workgroup> partial: array<array<vec4f, QUADS>, LANES>;

@compute @workgroup_size(QUADS, LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let n = group.y;
  let cq = group.x * QUADS + local.x;
  let lane = local.y;

  var sum = vec4f();
  if (cq < CQ) {
    for (var p = lane; p < POSITIONS; p += LANES) {
      sum += x[(n * POSITIONS + p) * CQ + cq];
    }
  }
  partial[lane][local.x] = sum;
  for (var stride = LANES / 2; stride > 0; stride /= 2) {
    workgroupBarrier();
    if (lane < stride) {
      partial[lane][local.x] += partial[lane + stride][local.x];
    }
  }
  if (lane == 0 && cq < CQ) {
    y[n * CQ + cq] = partial[0][local.x] / f32(POSITIONS);
  }
}
