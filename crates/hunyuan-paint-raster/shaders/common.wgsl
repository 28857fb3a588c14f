// The parameters and bindings that all passes share.

struct Params {
    // The distance from NDC -1 to 1, in pixels, horizontally and vertically.
    span: vec2<u32>,
    // The position of NDC -1, in half pixels from the edge of the image.
    half_pixels: u32,
    // The number of columns of the image.
    width: u32,
    // The rows of the band.
    first_row: u32,
    row_count: u32,
    // The chunk of the mesh, and its vertices and faces.
    chunk: u32,
    vertex_count: u32,
    first_face: u32,
    face_count: u32,
    // 1 in the second pass of the two-pass key, which finds the least face index at the depth that
    // the first pass found; else 0.
    second_pass: u32,
    has_depth_prior: u32,
    // The number of attribute channels per pixel, and the range of them that this dispatch fills.
    channel_count: u32,
    first_channel: u32,
    group_channels: u32,
    // The largest bounding box of a small face, in pixels.
    small_pixels: u32,
    // The longest bounding-box side of a small or medium face, in pixels, at most 127.
    medium_side: u32,
    // Always 0, which the compiler cannot know; see `float.wgsl`.
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

// The least depth that is drawn at each pixel of the band, in the numbers of the coverage rule.
@group(0) @binding(6) var<storage, read> depth_prior: array<u32>;

// Both words of the key of a background pixel.
const BACKGROUND_KEY: u32 = 0xffffffffu;

// The result of `fragment_at` where a face does not cover a pixel.
const NO_FRAGMENT: u32 = 0xffffffffu;
