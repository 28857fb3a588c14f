// Pass 0: clears the pixels of a band to the background and empties the queues of faces.

@group(0) @binding(4) var<storage, read_write> counters: array<u32>;
@group(0) @binding(5) var<storage, read_write> keys: array<vec4<u32>>;

@compute @workgroup_size(256)
fn clear(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group_of(workgroup, workgroup_count) * 256u + lane;
    if index < arrayLength(&counters) {
        counters[index] = 0u;
    }
    // A thread clears the keys of two pixels. The buffer has room for a whole last pair.
    if 2u * index < params.width * params.row_count {
        keys[index] = vec4<u32>(BACKGROUND_KEY);
    }
}
