// Definitions that the shaders of several crates share.

// The face index of a background pixel.
const NO_FACE: u32 = 0xffffffffu;

// Returns the index of a workgroup in a 1-dimensional dispatch that wraps into a second dimension.
fn group_of(workgroup: vec3<u32>, workgroup_count: vec3<u32>) -> u32 {
    return workgroup.y * workgroup_count.x + workgroup.x;
}
