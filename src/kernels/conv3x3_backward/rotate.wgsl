// conv3x3_backward: the kernel as the gradient by the input reads it
//
// Computes   r[i,j,o,c] = k[2-i,2-j,c,o]: turned by 180 degrees, and the two sides of channels exchanged
// Shapes     k (3,3,C,O) f32 · r (3,3,O,C) · layer (C,O) u32; C and O multiples of 4, read as quads
// Threads    a thread owns 4x4 numbers of r, four output channels by four input channels under a tap; neighbouring threads write
//            neighbouring quads; dispatch ceil(9*C*O/16/64), as a rectangle
// Tile       four quads are read and four are written, so that neither side is touched one number at a time:
//
//                 k: c  [o o o o]            r: o  [c c c c]
//                    c  [o o o o]   ->          o  [c c c c]
//                    c  [o o o o]               o  [c c c c]
//                    c  [o o o o]               o  [c c c c]
//
// Cost       global reads per output 1, writes 1; no arithmetic; once per step of training
// Requires   nothing
// Source     dx[n,h,w,c] = sum_{i,j,o} dy[n,h-i+1,w-j+1,o] * k[i,j,c,o]: a convolution of dy, whose taps go the other way

const THREADS: u32 = 64;

struct Layer { C: u32, O: u32 }

@group(0) @binding(0) var<storage, read> k: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> r: array<vec4f>;
@group(0) @binding(2) var<storage, read> layer: Layer;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= arrayLength(&r) / 4) {
    return;
  }
  let CQ = layer.C / 4;
  let OQ = layer.O / 4;
  let cq = index % CQ;
  let oq = index / CQ % OQ;
  let tap = index / CQ / OQ;
  let k_at = ((8 - tap) * layer.C + 4 * cq) * OQ + oq;
  let block = transpose(mat4x4f(k[k_at], k[k_at + OQ], k[k_at + 2 * OQ], k[k_at + 3 * OQ]));
  let r_at = (tap * layer.O + 4 * oq) * CQ + cq;
  for (var j = 0u; j < 4; j++) {
    r[r_at + j * CQ] = block[j];
  }
}
