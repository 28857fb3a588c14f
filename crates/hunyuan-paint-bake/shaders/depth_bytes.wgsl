// Scales depth to bytes: 0 at the farthest visible point and on the background; 255 at the nearest
// point if the range of the depth is at least `range_min`. All bytes are 0 if both are 0.

struct Params {
    pixel_count: u32,
    // The smallest range of depth that is scaled to 0 to 255, in units of canonical space.
    range_min: f32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> depth: array<u32>;
@group(0) @binding(2) var<storage, read> depth_range: array<u32, 2>;
@group(0) @binding(3) var<storage, read_write> bytes: array<u32>;

@compute @workgroup_size(256)
fn depth_bytes(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel >= params.pixel_count {
        return;
    }
    var byte = 0u;
    if depth[pixel] != NO_DEPTH {
        let farthest = bitcast<f32>(unordered(~depth_range[0]));
        let nearest = max(bitcast<f32>(unordered(depth_range[1])), no_contract(farthest + params.range_min));
        let range = no_contract(nearest - farthest);
        if range != 0.0 {
            byte = to_byte(divide(no_contract(bitcast<f32>(depth[pixel]) - farthest), range));
        }
    }
    bytes[pixel] = byte;
}
