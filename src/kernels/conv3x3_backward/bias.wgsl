// conv3x3_backward: the gradient by the bias, first of two passes: sums over slices of the pixels
//
// Computes   partial[s,o] = sum of dy[m,o] over the pixels m of slice s, in their order
// Shapes     dy (M,O) f32, M: N*H*W · layer (O,ROWS) u32 · partial (SLICES,O); slice s has the pixels ROWS*s to ROWS*s+ROWS-1;
//            O a multiple of 4, read as quads
// Threads    a thread owns a quad of partial; neighbouring threads own neighbouring quads; dispatch ceil(SLICES*O/4/64), as a rectangle
// Cost       every number of dy is read once; arithmetic intensity 0.25 FLOP/B: memory bound, and small beside the kernel's
// Requires   nothing
// Source     the kernel's gradient, for an input that is always 1; sum.wgsl adds up the slices

const THREADS: u32 = 64;

struct Layer { O: u32, ROWS: u32 }

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> layer: Layer;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= arrayLength(&partial)) {
    return;
  }
  let OQ = layer.O / 4;
  let oq = index % OQ;
  let first = index / OQ * layer.ROWS;
  let end = min(first + layer.ROWS, arrayLength(&dy) / OQ);
  var sum = vec4f();
  for (var m = first; m < end; m++) {
    sum += dy[m * OQ + oq];
  }
  partial[index] = sum;
}
