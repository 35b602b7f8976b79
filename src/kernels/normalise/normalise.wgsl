// normalise: 8-bit RGB pixels into the network's input
//
// Computes   y[n,h,w,c] = (p[n,h,w,c'] - MEAN_c) * SCALE_c, where c' is c, or 2-c with REVERSE; y[n,h,w,3] = 0
// Shapes     pixels (N,H,W,3) bytes, packed four to a u32 without gaps · y (N,H,W,4) f32
// Threads    a thread owns one pixel; dispatch ceil(N*H*W/64), as a rectangle
// Cost       global reads per pixel 3, of 3 bytes in all; 16 bytes written; arithmetic intensity 0.3 FLOP/B: memory bound
// Requires   nothing
// Source     torchvision's Normalize (p/255 - mean) / std, with MEAN = 255*mean and SCALE = 1/(255*std); Caffe's
//            BGR minus mean, with REVERSE and SCALE = 1; p/255, with MEAN = 0; p/127.5 - 1, with MEAN = 127.5

override REVERSE: bool = false;
override MEAN_0: f32 = 0;
override MEAN_1: f32 = 0;
override MEAN_2: f32 = 0;
override SCALE_0: f32 = 1;
override SCALE_1: f32 = 1;
override SCALE_2: f32 = 1;

const THREADS: u32 = 64;

@group(0) @binding(0) var<storage, read> pixels: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

fn byte_at(index: u32) -> f32 {
  return f32(extractBits(pixels[index / 4], 8 * (index % 4), 8));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = gid.y * groups.x * THREADS + gid.x;
  if (p >= arrayLength(&y)) {
    return;
  }
  let rgb = vec3f(byte_at(3 * p), byte_at(3 * p + 1), byte_at(3 * p + 2));
  let channels = select(rgb, rgb.bgr, REVERSE);
  let normal = (channels - vec3f(MEAN_0, MEAN_1, MEAN_2)) * vec3f(SCALE_0, SCALE_1, SCALE_2);
  y[p] = vec4f(normal, 0);
}
