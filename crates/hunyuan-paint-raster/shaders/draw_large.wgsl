// Pass 2c: draws large faces, one workgroup per tile of the band. The workgroup goes through all
// large faces, `LIST` at a time, so that its list of the faces that touch the tile cannot overflow.
// Each thread keeps the nearest faces of its pixels in registers and writes them at the end. Faces
// may have any size.

const TILE: u32 = 32u;
const LIST: u32 = 256u;

var<workgroup> listed: array<u32, LIST>;
var<workgroup> listed_count: atomic<u32>;
var<workgroup> large_count: u32;

// Returns the nearer of a pixel's best face so far and another face. The best face is a vector of
// depth and face index.
fn try_pixel(best: vec2<u32>, triangle: Triangle, bounds: vec4<u32>, face: u32, pixel: vec2<u32>) -> vec2<u32> {
    // Far from the first corner of a huge triangle, rounding errors could cover pixels outside.
    if any(pixel < bounds.xy) || any(pixel >= bounds.zw) {
        return best;
    }
    let depth = fragment_at(triangle, pixel, index_of(pixel));
    let wins = depth < best.x || (depth == best.x && face < best.y);
    return select(best, vec2<u32>(depth, face), depth != NO_FRAGMENT && wins);
}

fn keep(best: vec2<u32>, pixel: vec2<u32>) {
    if best.x != NO_FRAGMENT {
        offer(index_of(pixel), best.x, best.y);
    }
}

@compute @workgroup_size(256)
fn draw_large(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    if lane == 0u {
        large_count = atomicLoad(&counters[2u * params.chunk + 1u]);
    }
    let count = workgroupUniformLoad(&large_count);
    if count == 0u {
        return;
    }
    let tiles_in_row = (params.width + TILE - 1u) / TILE;
    let tile = group_of(workgroup, workgroup_count);
    let origin = vec2<u32>(tile % tiles_in_row, tile / tiles_in_row) * TILE + vec2<u32>(0u, params.first_row);
    // A thread draws four pixels of one column.
    let pixel = origin + vec2<u32>(lane % TILE, lane / TILE);
    var best_0 = vec2<u32>(NO_FRAGMENT);
    var best_1 = vec2<u32>(NO_FRAGMENT);
    var best_2 = vec2<u32>(NO_FRAGMENT);
    var best_3 = vec2<u32>(NO_FRAGMENT);

    for (var first = 0u; first < count; first += LIST) {
        if lane == 0u {
            atomicStore(&listed_count, 0u);
        }
        workgroupBarrier();
        if first + lane < count {
            let face = queue[params.face_count - 1u - (first + lane)];
            let bounds = bounds_of(corners_of(face));
            if all(bounds.xy < origin + TILE) && all(bounds.zw > origin) {
                listed[atomicAdd(&listed_count, 1u)] = face;
            }
        }
        workgroupBarrier();
        let here = atomicLoad(&listed_count);
        for (var i = 0u; i < here; i++) {
            let corners = corners_of(listed[i]);
            let bounds = bounds_of(corners);
            let triangle = triangle_of(corners, origin);
            if covers_nothing(triangle) {
                continue;
            }
            let face = params.first_face + listed[i];
            best_0 = try_pixel(best_0, triangle, bounds, face, pixel);
            best_1 = try_pixel(best_1, triangle, bounds, face, pixel + vec2<u32>(0u, 8u));
            best_2 = try_pixel(best_2, triangle, bounds, face, pixel + vec2<u32>(0u, 16u));
            best_3 = try_pixel(best_3, triangle, bounds, face, pixel + vec2<u32>(0u, 24u));
        }
        workgroupBarrier();
    }
    keep(best_0, pixel);
    keep(best_1, pixel + vec2<u32>(0u, 8u));
    keep(best_2, pixel + vec2<u32>(0u, 16u));
    keep(best_3, pixel + vec2<u32>(0u, 24u));
}
