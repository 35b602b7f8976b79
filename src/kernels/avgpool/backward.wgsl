// avgpool: the gradient by the input
//
// Computes   dx[n,h,w,c] = dy[n,c] / (H*W)
// Shapes     dy (N,C) f32 · layer (POSITIONS,C) u32, POSITIONS: H*W · dx (N,H,W,C); C a multiple of 4, read as quads of channels
// Threads    a thread owns a quad of dx; neighbouring threads own neighbouring quads; dispatch ceil(quads/64), as a rectangle
// Cost       global reads per output 1/(H*W), from caches, writes 1; arithmetic intensity 0.25 FLOP/B: memory bound
// Requires   nothing
// Source     the chain rule: every pixel has the same share in the mean

const THREADS: u32 = 64;

struct Layer { POSITIONS: u32, C: u32 }

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> layer: Layer;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= arrayLength(&dx)) {
    return;
  }
  let CQ = layer.C / 4;
  let n = index / CQ / layer.POSITIONS;
  dx[index] = dy[n * CQ + index % CQ] / f32(layer.POSITIONS);
}
