// Finds edge candidates: pixels whose gradient is above the lower threshold and is a local maximum
// across the edge. Each candidate is labeled with its own index.

struct Params {
    width: u32,
    height: u32,
    low: u32,
    high: u32,
    zero: u32,
}

// tan 22.5 degrees as a fixed-point number with 15 fractional bits.
const TANGENT_22_5: i32 = 13573;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<u32>;
@group(0) @binding(2) var<storage, read_write> labels: array<u32>;

fn derivatives_at(pixel: u32) -> vec2<i32> {
    let word = gradients[pixel];
    return vec2<i32>(vec2<u32>(word & 0xffffu, word >> 16u)) - 32768;
}

// Returns the L1 norm of the gradient, 0 outside the image.
fn magnitude_at(column: i32, row: i32) -> u32 {
    if column < 0 || row < 0 || column >= i32(params.width) || row >= i32(params.height) {
        return 0u;
    }
    let derivatives = abs(derivatives_at(u32(row) * params.width + u32(column)));
    return u32(derivatives.x + derivatives.y);
}

// Returns whether the magnitude is a local maximum across the edge. Of two equal neighbors in a row
// or column, the first is the maximum; on a diagonal, neither is.
fn is_ridge(pixel: u32, magnitude: u32) -> bool {
    let row = i32(pixel / params.width);
    let column = i32(pixel % params.width);
    let derivatives = derivatives_at(pixel);
    let abs_dx = abs(derivatives.x);
    let abs_dy = abs(derivatives.y) << 15u;
    let shallow = abs_dx * TANGENT_22_5;
    // tan 67.5 degrees = tan 22.5 degrees + 2.
    let steep = shallow + (abs_dx << 16u);
    if abs_dy < shallow {
        return magnitude > magnitude_at(column - 1, row) && magnitude >= magnitude_at(column + 1, row);
    }
    if abs_dy > steep {
        return magnitude > magnitude_at(column, row - 1) && magnitude >= magnitude_at(column, row + 1);
    }
    let side = select(1, -1, (derivatives.x ^ derivatives.y) < 0);
    return magnitude > magnitude_at(column - side, row - 1) && magnitude > magnitude_at(column + side, row + 1);
}

@compute @workgroup_size(256)
fn candidates(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel >= params.width * params.height {
        return;
    }
    let derivatives = abs(derivatives_at(pixel));
    let magnitude = u32(derivatives.x + derivatives.y);
    var label = NO_LABEL;
    if magnitude > params.low && is_ridge(pixel, magnitude) {
        label = pixel | select(WEAK, 0u, magnitude > params.high);
    }
    labels[pixel] = label;
}
