// Pass 2a: draws faces of a few pixels, one thread each, and queues the others.

const SMALL: u32 = 1u;
const MEDIUM: u32 = 2u;
const LARGE: u32 = 3u;

// The numbers of faces that this workgroup queues, and their first places in the queue.
var<workgroup> medium_count: atomic<u32>;
var<workgroup> large_count: atomic<u32>;
var<workgroup> medium_start: u32;
var<workgroup> large_start: u32;

@compute @workgroup_size(256)
fn draw_small(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let face = group_of(workgroup, workgroup_count) * 256u + lane;
    var share = 0u;
    var corners: array<vec4<u32>, 3>;
    var bounds = vec4<u32>(0u);
    if face < params.face_count {
        corners = corners_of(face);
        bounds = bounds_of(corners);
        let size = bounds.zw - bounds.xy;
        if bounds.x >= bounds.z || bounds.y >= bounds.w {
            share = 0u;
        } else if is_longer_than(corners, params.medium_side) {
            share = LARGE;
        } else if size.x * size.y > params.small_pixels {
            share = MEDIUM;
        } else {
            share = SMALL;
        }
    }

    // The second pass of the two-pass key reuses the queues of the first one.
    if params.second_pass == 0u {
        var place = 0u;
        if share == MEDIUM {
            place = atomicAdd(&medium_count, 1u);
        } else if share == LARGE {
            place = atomicAdd(&large_count, 1u);
        }
        workgroupBarrier();
        if lane == 0u {
            let medium = atomicLoad(&medium_count);
            let large = atomicLoad(&large_count);
            if medium > 0u {
                medium_start = atomicAdd(&counters[2u * params.chunk], medium);
            }
            if large > 0u {
                large_start = atomicAdd(&counters[2u * params.chunk + 1u], large);
            }
        }
        workgroupBarrier();
        if share == MEDIUM {
            queue[medium_start + place] = face;
        } else if share == LARGE {
            queue[params.face_count - 1u - (large_start + place)] = face;
        }
    }

    if share == SMALL {
        let triangle = triangle_of(corners, bounds.xy);
        if covers_nothing(triangle) {
            return;
        }
        for (var row = bounds.y; row < bounds.w; row++) {
            for (var column = bounds.x; column < bounds.z; column++) {
                draw_pixel(triangle, vec2<u32>(column, row), face);
            }
        }
    }
}
