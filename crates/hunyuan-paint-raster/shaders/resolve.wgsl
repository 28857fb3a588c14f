// Pass 3: writes the visible face of each pixel and the barycentrics of the pixel on it.

@group(0) @binding(8) var<storage, read_write> face_index: array<u32>;
@group(0) @binding(9) var<storage, read_write> barycentrics: array<f32>;
// The maxima of ~depth and depth + 1 over all pixels that show a face; zeros if no pixel does.
@group(0) @binding(10) var<storage, read_write> depth_range: array<atomic<u32>, 2>;

var<workgroup> nearest: atomic<u32>;
var<workgroup> farthest: atomic<u32>;

@compute @workgroup_size(256)
fn resolve(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel_index = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel_index < params.width * params.row_count {
        let face = visible_face(pixel_index);
        let local_face = face - params.first_face;
        if face == NO_FACE {
            face_index[pixel_index] = NO_FACE;
            write_barycentrics(pixel_index, vec3<f32>(0.0));
        } else if face >= params.first_face && local_face < params.face_count {
            let row = pixel_index / params.width;
            let pixel = vec2<u32>(pixel_index - row * params.width, row + params.first_row);
            let resolved = resolve_pixel(corners_of(local_face), pixel);
            face_index[pixel_index] = face;
            write_barycentrics(pixel_index, resolved.barycentrics);
            atomicMax(&nearest, ~resolved.depth);
            atomicMax(&farthest, resolved.depth + 1u);
        }
    }
    workgroupBarrier();
    if lane == 0u && atomicLoad(&farthest) > 0u {
        atomicMax(&depth_range[0], atomicLoad(&nearest));
        atomicMax(&depth_range[1], atomicLoad(&farthest));
    }
}

fn write_barycentrics(pixel_index: u32, weights: vec3<f32>) {
    barycentrics[3u * pixel_index] = weights.x;
    barycentrics[3u * pixel_index + 1u] = weights.y;
    barycentrics[3u * pixel_index + 2u] = weights.z;
}
