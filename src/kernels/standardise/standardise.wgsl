// standardise: every column of a batch of features shifted and scaled
//
// Computes   y[n,d] = (x[n,d] - mean[d]) * scale[d]
// Shapes     x (N,D) f32 · mean (D) · scale (D) · y (N,D); D a multiple of 4, read as quads
// Threads    a thread owns a quad of y; neighbouring threads own neighbouring quads; dispatch ceil(N*D/4/64), as a rectangle
// Cost       global reads per output 3 (x, mean and scale), writes 1; arithmetic intensity 0.125 FLOP/B: memory bound
// Requires   nothing
// Source     LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.3: inputs of mean 0 and like variance

override D: u32 = 4;

const THREADS: u32 = 64;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> mean: array<vec4f>;
@group(0) @binding(2) var<storage, read> scale: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= arrayLength(&y)) {
    return;
  }
  let dq = index % (D / 4);
  y[index] = (x[index] - mean[dq]) * scale[dq];
}
