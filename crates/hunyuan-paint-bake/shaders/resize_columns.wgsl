// Resizes along the columns.

@compute @workgroup_size(256)
fn resize_columns(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group_of(workgroup, workgroup_count) * 256u + lane;
    if index >= params.target_width * params.row_count {
        return;
    }
    let row = index / params.target_width;
    let column = index - row * params.target_width;
    target_pixels[params.target_start + index] = resample(row, column, params.source_width);
}
