// Stage 2b: faces of a middling size, a workgroup each. The workgroups share the queue out among themselves.

@compute @workgroup_size(64)
fn draw_medium(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let count = atomicLoad(&counters[2u * params.chunk]);
    let group_count = workgroup_count.x * workgroup_count.y;
    for (var place = group_of(workgroup, workgroup_count); place < count; place += group_count) {
        let face = queue[place];
        let corners = corners_of(face);
        let bounds = bounds_of(corners);
        let size = bounds.zw - bounds.xy;
        let triangle = triangle_of(corners, bounds.xy);
        if covers_nothing(triangle) {
            continue;
        }
        for (var i = lane; i < size.x * size.y; i += 64u) {
            let pixel = bounds.xy + vec2<u32>(i % size.x, i / size.x);
            let pixel_index = index_of(pixel);
            let steps = fragment_at(triangle, pixel, pixel_index);
            if steps != NO_FRAGMENT {
                offer(pixel_index, key_depth(steps), params.first_face + face);
            }
        }
    }
}
