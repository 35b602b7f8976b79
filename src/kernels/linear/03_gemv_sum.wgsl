// linear / 03 gemv sum: matrix times a few vectors, second of two passes: the partial sums added up, bias, ReLU
//
// Computes   y[n,o] = relu(b[o] + partial[0,n,o] + partial[1,n,o] + ... ), in this order
// Shapes     partial (SLICES,N,O) f32 · b (O) · layer (O,SLICES,RELU) u32 · y (N,O); O a multiple of 4, read as quads
// Threads    a thread owns a quad of y; neighbouring threads own neighbouring quads; dispatch ceil(N*O/4/64), as a rectangle
// Cost       global reads per output SLICES + 1, writes 1; arithmetic intensity at most 0.25 FLOP/B; small beside the first pass
// Requires   nothing
// Changed    see 03_gemv
// Source     a sum in a fixed order is the same every time; one by atomics is not

// No override constants, so that one pipeline serves every layer. RELU is 0 or 1.
struct Layer { O: u32, SLICES: u32, RELU: u32 }

const THREADS: u32 = 64;

@group(0) @binding(0) var<storage, read> partial: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> layer: Layer;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let quads = arrayLength(&y);
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= quads) {
    return;
  }
  var sum = b[index % (layer.O / 4)];
  for (var slice = 0u; slice < layer.SLICES; slice++) {
    sum += partial[slice * quads + index];
  }
  y[index] = select(sum, max(sum, vec4f()), layer.RELU != 0);
}
