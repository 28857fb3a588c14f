// Joins edge candidates that touch, also diagonally, into components (D. Playne and K. Hawick, "A
// new algorithm for parallel connected-component labeling on GPUs", 2018). If another thread has
// changed a root in the meantime, the thread continues with the new label.

struct Params {
    width: u32,
    height: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> labels: array<atomic<u32>>;

// Follows the labels to the root of a component.
fn root_of(start: u32) -> u32 {
    var label = start;
    loop {
        let next = atomicLoad(&labels[label & INDEX]);
        if next == label {
            break;
        }
        label = next;
    }
    return label;
}

// Joins the component of a label with that of a neighboring pixel, if the neighbor is a candidate.
fn unite(label: u32, neighbor: u32) {
    if neighbor >= params.width * params.height {
        return;
    }
    var a = atomicLoad(&labels[neighbor]);
    if a == NO_LABEL {
        return;
    }
    var b = label;
    loop {
        a = root_of(a);
        b = root_of(b);
        if a == b {
            break;
        }
        let greater = max(a, b);
        let lesser = min(a, b);
        let found = atomicMin(&labels[greater & INDEX], lesser);
        if found == greater {
            break;
        }
        a = found;
        b = lesser;
    }
}

@compute @workgroup_size(256)
fn connect(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel >= params.width * params.height {
        return;
    }
    let label = atomicLoad(&labels[pixel]);
    if label == NO_LABEL {
        return;
    }
    let column = pixel % params.width;
    // In the first row, the index above wraps around; `unite` rejects it.
    let above = pixel - params.width;
    if column > 0u {
        unite(label, pixel - 1u);
        unite(label, above - 1u);
    }
    unite(label, above);
    if column + 1u < params.width {
        unite(label, above + 1u);
    }
}
