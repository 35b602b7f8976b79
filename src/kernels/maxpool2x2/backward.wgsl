// maxpool2x2: the gradient by the input
//
// Computes   dx[n,h,w,c] = dy[n,h/2,w/2,c] where (h,w) was the largest of its window, else 0; with MASK, only where y is above 0, so
//            that the gradient goes through the ReLU below as well
// Shapes     dy (N,floor(H/2),floor(W/2),C) f32 · y, as dy · positions (N,ceil(H/4),ceil(W/4),C/4) u32, as with_positions wrote them ·
//            layer (H,W,C,MASK) u32 · dx (N,H,W,C); C a multiple of 4, read as quads of channels
// Threads    a thread owns a quad of dx; neighbouring threads own neighbouring quads; dispatch ceil(quads/64), as a rectangle
// Cost       global reads per output 9/16, most of them from caches, writes 1; arithmetic intensity 0.1 FLOP/B: memory bound
// Requires   nothing
// Source     the chain rule: the largest number of a window is y, and the others do not count

const THREADS: u32 = 64;

struct Layer { H: u32, W: u32, C: u32, MASK: u32 }

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> y: array<vec4f>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> layer: Layer;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= arrayLength(&dx)) {
    return;
  }
  let H = layer.H;
  let W = layer.W;
  let CQ = layer.C / 4;
  let cq = index % CQ;
  let w = index / CQ % W;
  let h = index / CQ / W % H;
  let n = index / CQ / W / H;
  // An odd last row or column is in no window.
  if (h / 2 >= H / 2 || w / 2 >= W / 2) {
    dx[index] = vec4f();
    return;
  }
  let source = ((n * (H / 2) + h / 2) * (W / 2) + w / 2) * CQ + cq;
  let word = positions[((n * ((H + 3) / 4) + h / 4) * ((W + 3) / 4) + w / 4) * CQ + cq];
  let window = 2 * (h / 2 % 2) + w / 2 % 2;
  let place = (vec4u(word >> (8 * window)) >> vec4u(0, 2, 4, 6)) & vec4u(3);
  let is_largest = place == vec4u(2 * (h % 2) + w % 2);
  let passes = (y[source] > vec4f()) | vec4<bool>(layer.MASK == 0);
  dx[index] = select(vec4f(), dy[source], is_largest & passes);
}
