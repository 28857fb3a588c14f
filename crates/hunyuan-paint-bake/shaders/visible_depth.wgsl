// Extracts view-space z of the pixels that show a face, and its range.

struct Params {
    pixel_count: u32,
    // The number of attributes per pixel, and the index of z among them.
    channel_count: u32,
    channel: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> face_index: array<u32>;
@group(0) @binding(2) var<storage, read> attributes: array<u32>;
// The bits of z, NO_DEPTH on the background.
@group(0) @binding(3) var<storage, read_write> depth: array<u32>;
// The maximum of ~z and of z, as ordered integers. 0 means that no pixel shows a face: neither is 0
// for a finite z.
@group(0) @binding(4) var<storage, read_write> depth_range: array<atomic<u32>, 2>;

var<workgroup> nearest: atomic<u32>;
var<workgroup> farthest: atomic<u32>;

@compute @workgroup_size(256)
fn visible_depth(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel < params.pixel_count {
        let bits = attributes[pixel * params.channel_count + params.channel];
        if face_index[pixel] != NO_FACE && is_finite_number(bitcast<f32>(bits)) {
            depth[pixel] = bits;
            let order = ordered(bits);
            atomicMax(&farthest, ~order);
            atomicMax(&nearest, order);
        } else {
            depth[pixel] = NO_DEPTH;
        }
    }
    workgroupBarrier();
    if lane == 0u && atomicLoad(&nearest) > 0u {
        atomicMax(&depth_range[0], atomicLoad(&farthest));
        atomicMax(&depth_range[1], atomicLoad(&nearest));
    }
}
