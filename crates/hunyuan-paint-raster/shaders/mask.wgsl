// Writes the mask: 1 for pixels that show a face, else 0.

@group(0) @binding(8) var<storage, read> face_index: array<u32>;
@group(0) @binding(11) var<storage, read_write> pixels: array<u32>;

@compute @workgroup_size(256)
fn mask(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel_index = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel_index < params.width * params.row_count {
        pixels[pixel_index] = select(1u, 0u, face_index[pixel_index] == NO_FACE);
    }
}
