// avgpool: the gradient by the input
//
// Computes   dx[n,h,w,c] = dy[n,h/KH,w/KW,c] / (KH*KW); 0 in rows and columns that fill no window
// Shapes     dy (N,H/KH,W/KW,C) f32, rounded down; of the whole map (N,C) · layer (H,W,C,KH,KW) u32 · dx (N,H,W,C); C a multiple of 4,
//            read as quads of channels
// Threads    a thread owns a quad of dx; neighbouring threads own neighbouring quads; dispatch ceil(quads/64), as a rectangle
// Cost       global reads per output 1/(KH*KW), from caches, writes 1; arithmetic intensity 0.25 FLOP/B: memory bound
// Requires   nothing
// Source     the chain rule: every pixel has the same share in the mean

const THREADS: u32 = 64;

struct Layer { H: u32, W: u32, C: u32, KH: u32, KW: u32 }

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
  let cq = index % CQ;
  let column = index / CQ % layer.W / layer.KW;
  let row = index / CQ / layer.W % layer.H / layer.KH;
  let n = index / CQ / layer.W / layer.H;
  let rows = layer.H / layer.KH;
  let columns = layer.W / layer.KW;
  if (row >= rows || column >= columns) {
    dx[index] = vec4f();
    return;
  }
  dx[index] = dy[((n * rows + row) * columns + column) * CQ + cq] / f32(layer.KH * layer.KW);
}
