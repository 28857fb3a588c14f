// What every stage is told, and where its buffers are bound.

struct Params {
    // The pixels between NDC -1 and 1, horizontally and vertically.
    span: vec2<u32>,
    // Where NDC -1 lies, in halves of a pixel from the image's edge.
    half_pixels: u32,
    // The pixels of a row.
    width: u32,
    // The band of rows that is drawn.
    first_row: u32,
    row_count: u32,
    // The chunk of the mesh that is drawn.
    chunk: u32,
    vertex_count: u32,
    first_face: u32,
    face_count: u32,
    // Of two passes over the faces, the one that looks for the least face at the depth that the first found.
    second_pass: u32,
    has_depth_prior: u32,
    // Attributes: numbers for each pixel, and those that this dispatch fills.
    channel_count: u32,
    first_channel: u32,
    group_channels: u32,
    // Small faces have no more pixels than that in their bounding box.
    small_pixels: u32,
    // Small and medium faces have no side of their bounding box longer than that, in pixels; at most 127.
    medium_side: u32,
    // 0, which the compiler cannot know: see `float.wgsl`.
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

// The least depth that shows, for each pixel of the band, in the coverage rule's own numbers.
@group(0) @binding(6) var<storage, read> depth_prior: array<u32>;

// The words of the key of a pixel that shows the background.
const BACKGROUND_KEY: u32 = 0xffffffffu;

// The depth of a pixel that a face does not cover.
const NO_FRAGMENT: u32 = 0xffffffffu;
