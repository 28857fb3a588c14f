// What the shaders of all crates have in common.

// The face of a pixel that shows the background.
const NO_FACE: u32 = 0xffffffffu;

// Where a 1-dimensional dispatch has wrapped into a second dimension.
fn group_of(workgroup: vec3<u32>, workgroup_count: vec3<u32>) -> u32 {
    return workgroup.y * workgroup_count.x + workgroup.x;
}
