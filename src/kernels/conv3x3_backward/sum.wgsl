// conv3x3_backward: the sums over slices added up
//
// Computes   y[i] = partial[0,i] + partial[1,i] + ..., in this order; with ACCUMULATE, added to what y holds
// Shapes     partial (SLICES,S) f32 · layer (SLICES,ACCUMULATE) u32 · y (S); S a multiple of 4, read as quads
// Threads    a thread owns a quad of y; neighbouring threads own neighbouring quads; dispatch ceil(S/4/64), as a rectangle
// Cost       global reads per output SLICES, writes 1; arithmetic intensity at most 0.25 FLOP/B; small beside the first pass
// Requires   nothing
// Source     a sum in a fixed order is the same every time; one by atomics is not

const THREADS: u32 = 64;

struct Layer { SLICES: u32, ACCUMULATE: u32 }

@group(0) @binding(0) var<storage, read> partial: array<vec4f>;
@group(0) @binding(1) var<storage, read> layer: Layer;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let quads = arrayLength(&y);
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= quads) {
    return;
  }
  var sum = vec4f();
  for (var slice = 0u; slice < layer.SLICES; slice++) {
    sum += partial[slice * quads + index];
  }
  if (layer.ACCUMULATE != 0) {
    sum += y[index];
  }
  y[index] = sum;
}
