// Stage 3: which face each pixel shows, and where on it the pixel lies.

@group(0) @binding(8) var<storage, read_write> face_index: array<u32>;
@group(0) @binding(9) var<storage, read_write> barycentrics: array<f32>;
// The greatest ~depth and depth + 1 of all pixels, 0 where there is none.
@group(0) @binding(10) var<storage, read_write> depth_range: array<atomic<u32>, 2>;

// The barycentrics of the workgroup's pixels, so that neighbouring threads write neighbouring words.
var<workgroup> weights: array<f32, 768>;
// Whether a pixel is background or shows a face of this chunk.
var<workgroup> is_here: array<bool, 256>;

var<workgroup> nearest: atomic<u32>;
var<workgroup> farthest: atomic<u32>;

@compute @workgroup_size(256)
fn resolve(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_pixel = group_of(workgroup, workgroup_count) * 256u;
    let pixel_index = first_pixel + lane;
    var here = false;
    var barycentrics_here = vec3<f32>(0.0);
    if pixel_index < params.width * params.row_count {
        let face = visible_face(pixel_index);
        let local_face = face - params.first_face;
        if face == NO_FACE {
            here = true;
        } else if face >= params.first_face && local_face < params.face_count {
            here = true;
            let row = pixel_index / params.width;
            let pixel = vec2<u32>(pixel_index - row * params.width, row + params.first_row);
            let resolved = resolve_pixel(corners_of(local_face), pixel);
            barycentrics_here = resolved.barycentrics;
            atomicMax(&nearest, ~resolved.depth);
            atomicMax(&farthest, resolved.depth + 1u);
        }
        if here {
            face_index[pixel_index] = face;
        }
    }
    is_here[lane] = here;
    weights[3u * lane] = barycentrics_here.x;
    weights[3u * lane + 1u] = barycentrics_here.y;
    weights[3u * lane + 2u] = barycentrics_here.z;
    workgroupBarrier();
    for (var word = lane; word < 768u; word += 256u) {
        if is_here[word / 3u] {
            barycentrics[3u * first_pixel + word] = weights[word];
        }
    }
    if lane == 0u && atomicLoad(&farthest) > 0u {
        atomicMax(&depth_range[0], atomicLoad(&nearest));
        atomicMax(&depth_range[1], atomicLoad(&farthest));
    }
}
