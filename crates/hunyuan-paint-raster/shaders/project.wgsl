// Pass 1: projects the vertices from clip space to the image.

@group(0) @binding(1) var<storage, read> clip_positions: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> vertices: array<vec4<u32>>;

@compute @workgroup_size(256)
fn project(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group_of(workgroup, workgroup_count) * 256u + lane;
    if index < params.vertex_count {
        vertices[index] = project_vertex(clip_positions[index]);
    }
}
