// Pass 2b: draws medium faces. Of n teams of 32 threads, each draws every n-th face of the queue.

const TEAM: u32 = 32u;

@compute @workgroup_size(64)
fn draw_medium(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let count = atomicLoad(&counters[2u * params.chunk]);
    let team = group_of(workgroup, workgroup_count) * (64u / TEAM) + lane / TEAM;
    let team_count = workgroup_count.x * workgroup_count.y * (64u / TEAM);
    for (var place = team; place < count; place += team_count) {
        let face = queue[place];
        let corners = corners_of(face);
        let bounds = bounds_of(corners);
        let size = bounds.zw - bounds.xy;
        let triangle = triangle_of(corners, bounds.xy);
        if covers_nothing(triangle) {
            continue;
        }
        for (var i = lane % TEAM; i < size.x * size.y; i += TEAM) {
            draw_pixel(triangle, bounds.xy + vec2<u32>(i % size.x, i / size.x), face);
        }
    }
}
