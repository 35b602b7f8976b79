// maxpool2x2: the largest of each 2x2 window, stride 2
//
// Computes   y[n,h,w,c] = max_{i,j in 0,1} x[n,2h+i,2w+j,c]; an odd last row or column is left out
// Shapes     x (N,H,W,C) f32 · y (N,floor(H/2),floor(W/2),C); C a multiple of 4, read as quads of channels
// Threads    a thread owns one quad of y; neighbouring threads own neighbouring quads; dispatch ceil(quads/64), as a rectangle
// Cost       global reads per output 4, every number of x read once; arithmetic intensity 0.15 FLOP/B: memory bound
// Requires   nothing
// Source     Simonyan & Zisserman 2014 (arXiv:1409.1556), section 2.1

override H: u32 = 2;
override W: u32 = 2;
override C: u32 = 4;
override CQ: u32 = C / 4;
override Y_H: u32 = H / 2;
override Y_W: u32 = W / 2;

const THREADS: u32 = 64;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= arrayLength(&y)) {
    return;
  }
  let cq = index % CQ;
  let w = index / CQ % Y_W;
  let h = index / CQ / Y_W % Y_H;
  let n = index / CQ / Y_W / Y_H;

  let top = ((n * H + 2 * h) * W + 2 * w) * CQ + cq;
  let bottom = top + W * CQ;
  y[index] = max(max(x[top], x[top + CQ]), max(x[bottom], x[bottom + CQ]));
}
