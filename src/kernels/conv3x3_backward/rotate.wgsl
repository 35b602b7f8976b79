// conv3x3_backward: the kernel as the gradient by the input reads it
//
// Computes   r[i,j,o,c] = k[2-i,2-j,c,o]: turned by 180 degrees, and the two sides of channels exchanged
// Shapes     k (3,3,C,O) f32 · r (3,3,O,C) · layer (C,O) u32
// Threads    a thread owns one number of r; neighbouring threads write neighbouring c; dispatch ceil(9*C*O/64), as a rectangle
// Cost       global reads per output 1, writes 1; no arithmetic; once per step of training
// Requires   nothing
// Source     dx[n,h,w,c] = sum_{i,j,o} dy[n,h-i+1,w-j+1,o] * k[i,j,c,o]: a convolution of dy, whose taps go the other way

const THREADS: u32 = 64;

struct Layer { C: u32, O: u32 }

@group(0) @binding(0) var<storage, read> k: array<f32>;
@group(0) @binding(1) var<storage, read_write> r: array<f32>;
@group(0) @binding(2) var<storage, read> layer: Layer;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= arrayLength(&r)) {
    return;
  }
  let c = index % layer.C;
  let o = index / layer.C % layer.O;
  let tap = index / layer.C / layer.O;
  r[index] = k[((8 - tap) * layer.C + c) * layer.O + o];
}
