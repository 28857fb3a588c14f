// Computes Sobel derivatives. Samples outside the image are clamped to its edge.

struct Params {
    width: u32,
    height: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// One byte per word.
@group(0) @binding(1) var<storage, read> bytes: array<u32>;
// The derivative along the row in the lower half of a word, along the column in the upper half;
// each with 32768 added.
@group(0) @binding(2) var<storage, read_write> gradients: array<u32>;

@compute @workgroup_size(256)
fn sobel(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel >= params.width * params.height {
        return;
    }
    let row = pixel / params.width;
    let column = pixel - row * params.width;
    let above = (max(row, 1u) - 1u) * params.width;
    let here = row * params.width;
    let below = min(row + 1u, params.height - 1u) * params.width;
    let left = max(column, 1u) - 1u;
    let right = min(column + 1u, params.width - 1u);
    let corners = vec4<i32>(vec4<u32>(
        bytes[above + left],
        bytes[above + right],
        bytes[below + left],
        bytes[below + right],
    ));
    let sides = vec4<i32>(vec4<u32>(
        bytes[here + left],
        bytes[here + right],
        bytes[above + column],
        bytes[below + column],
    ));
    let dx = corners.y + corners.w - corners.x - corners.z + 2 * (sides.y - sides.x);
    let dy = corners.z + corners.w - corners.x - corners.y + 2 * (sides.w - sides.z);
    gradients[pixel] = u32(dx + 32768) | (u32(dy + 32768) << 16u);
}
