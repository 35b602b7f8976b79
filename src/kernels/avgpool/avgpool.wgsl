// avgpool: the mean of each channel over windows of KH x KW pixels that do not overlap, or over the whole map
//
// Computes   y[n,i,j,c] = sum_{h<KH,w<KW} x[n,i*KH+h,j*KW+w,c] / (KH*KW); rows and columns that fill no window are left out
// Shapes     x (N,H,W,C) f32 · y (N,H/KH,W/KW,C), rounded down; of the whole map (N,C); C a multiple of 4, read as quads of channels
// Threads    workgroup of 4x64 owns 4 quads of y, 64 lanes for each; lane l adds up positions l, l+64, ... of the KH*KW;
//            dispatch (ceil(C/16), N*(H/KH)*(W/KW)), the second as a rectangle
// Tile       the 64 lanes' sums meet in workgroup memory, pairwise, in a fixed order:
//
//                 s0 s1 s2 s3 ...   ->   s0+s32 s1+s33 ...   ->   ...   ->   the quad's
//
// Cost       global reads per output KH*KW, every number of x read once; arithmetic intensity 0.25 FLOP/B: memory bound.
//            A lane adds 1 position of a 7x7 map, 4 of 14x14, 784 of 224x224: with one thread per quad, it would add 50,176 one by one
// Requires   nothing
// Source     Lin, Chen and Yan, "Network In Network", 2013 (arXiv:1312.4400), section 3.2

override H: u32 = 1;
override W: u32 = 1;
override C: u32 = 4;
override KH: u32 = 1;
override KW: u32 = 1;
override CQ: u32 = C / 4;
override WINDOW_ROWS: u32 = H / KH;
override WINDOW_COLUMNS: u32 = W / KW;

const QUADS: u32 = 4;
const LANES: u32 = 64;
const_assert (LANES & (LANES - 1)) == 0;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

var<workgroup> partial: array<array<vec4f, QUADS>, LANES>;

@compute @workgroup_size(QUADS, LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let window = group.z * groups.y + group.y;
  let cq = group.x * QUADS + local.x;
  let lane = local.y;
  let n = window / WINDOW_COLUMNS / WINDOW_ROWS;
  let top = window / WINDOW_COLUMNS % WINDOW_ROWS * KH;
  let left = window % WINDOW_COLUMNS * KW;
  let corner = (n * H + top) * W + left;
  let is_output = cq < CQ && window * CQ + cq < arrayLength(&y);

  var sum = vec4f();
  if (is_output) {
    for (var p = lane; p < KH * KW; p += LANES) {
      sum += x[(corner + p / KW * W + p % KW) * CQ + cq];
    }
  }
  partial[lane][local.x] = sum;
  for (var stride = LANES / 2; stride > 0; stride /= 2) {
    workgroupBarrier();
    if (lane < stride) {
      partial[lane][local.x] += partial[lane + stride][local.x];
    }
  }
  if (lane == 0 && is_output) {
    y[window * CQ + cq] = partial[0][local.x] / f32(KH * KW);
  }
}
