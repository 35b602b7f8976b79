// maxpool: the gradient by the input
//
// Computes   dx[n,h,w,c] = dy[n,c] where x[n,h,w,c] is the first number, row by row, that equals y[n,c], else 0
// Shapes     x (N,H,W,C) f32 · y, dy (N,C) · dx, as x; C a multiple of 4, read as quads of channels
// Threads    workgroup of 4x64 owns 4 quads of channels of one picture, 64 lanes for each; lane l looks at positions l, l+64, ... twice;
//            dispatch (ceil(C/16), N)
// Tile       the first of the 64 lanes' places is found in workgroup memory, pairwise:
//
//                 p0 p1 p2 p3 ...   ->   min(p0,p32) min(p1,p33) ...   ->   ...   ->   the quad's
//
// Cost       global reads per output 1, writes 1; arithmetic intensity 0.25 FLOP/B: memory bound
// Requires   nothing
// Source     the chain rule: the largest number is y, and the others do not count; of several that are equal PyTorch takes the first

override H: u32 = 1;
override W: u32 = 1;
override C: u32 = 4;
override CQ: u32 = C / 4;
override POSITIONS: u32 = H * W;

const QUADS: u32 = 4;
const LANES: u32 = 64;
const_assert (LANES & (LANES - 1)) == 0;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> y: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

var<workgroup> first: array<array<vec4u, QUADS>, LANES>;

@compute @workgroup_size(QUADS, LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let n = group.y;
  let cq = group.x * QUADS + local.x;
  let lane = local.y;

  var place = vec4u(POSITIONS);
  if (cq < CQ) {
    let wanted = y[n * CQ + cq];
    for (var p = lane; p < POSITIONS; p += LANES) {
      let is_largest = x[(n * POSITIONS + p) * CQ + cq] == wanted;
      place = min(place, select(vec4u(POSITIONS), vec4u(p), is_largest));
    }
  }
  first[lane][local.x] = place;
  for (var stride = LANES / 2; stride > 0; stride /= 2) {
    workgroupBarrier();
    if (lane < stride) {
      first[lane][local.x] = min(first[lane][local.x], first[lane + stride][local.x]);
    }
  }
  workgroupBarrier();
  if (cq < CQ) {
    let given = dy[n * CQ + cq];
    for (var p = lane; p < POSITIONS; p += LANES) {
      dx[(n * POSITIONS + p) * CQ + cq] = select(vec4f(), given, first[0][local.x] == vec4u(p));
    }
  }
}
