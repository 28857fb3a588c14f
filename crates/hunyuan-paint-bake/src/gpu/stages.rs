//! The WGSL sources, one file per stage, and what each is put together from.

use hunyuan_paint_raster::gpu::{FLOAT_WGSL, SHARED_WGSL};

/// A stage, with a shader of its own. Its entry point has its [`name`](BakePass::name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BakePass {
    /// The colors of normals and positions.
    ConditionMaps,
    /// Two images scaled along the rows.
    ResizeRows,
    /// And along the columns.
    ResizeColumns,
    /// View-space z where a face shows, and its range.
    VisibleDepth,
    /// Depth as a byte.
    DepthBytes,
    /// The derivatives of an image.
    Sobel,
    /// Pixels that may be edges.
    Candidates,
    /// Candidates that touch, joined.
    Connect,
    /// Background and edges.
    Unreliable,
    /// The same with a margin along the rows.
    DilateRows,
    /// And along the columns: the depth that is left is reliable.
    DilateColumns,
    /// Reliable pixels, scattered into the texture.
    Splat,
    /// What they say of each texel.
    Mean,
    /// All views' sums.
    Merge,
    /// The mean of all views.
    Finish,
    /// The face of each texel, also beside the charts.
    Charts,
    /// The point of the surface that each texel shows.
    TexelPoints,
    /// Bytes of an image as words.
    Unpack,
    /// What each texel sees of itself in a view.
    Gather,
    /// The texture's bytes.
    Paint,
}

impl BakePass {
    /// All stages.
    pub const ALL: [Self; 20] = [
        Self::ConditionMaps,
        Self::ResizeRows,
        Self::ResizeColumns,
        Self::VisibleDepth,
        Self::DepthBytes,
        Self::Sobel,
        Self::Candidates,
        Self::Connect,
        Self::Unreliable,
        Self::DilateRows,
        Self::DilateColumns,
        Self::Splat,
        Self::Mean,
        Self::Merge,
        Self::Finish,
        Self::Charts,
        Self::TexelPoints,
        Self::Unpack,
        Self::Gather,
        Self::Paint,
    ];

    /// The name of the stage, of its file and of its entry point.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConditionMaps => "condition_maps",
            Self::ResizeRows => "resize_rows",
            Self::ResizeColumns => "resize_columns",
            Self::VisibleDepth => "visible_depth",
            Self::DepthBytes => "depth_bytes",
            Self::Sobel => "sobel",
            Self::Candidates => "candidates",
            Self::Connect => "connect",
            Self::Unreliable => "unreliable",
            Self::DilateRows => "dilate_rows",
            Self::DilateColumns => "dilate_columns",
            Self::Splat => "splat",
            Self::Mean => "mean",
            Self::Merge => "merge",
            Self::Finish => "finish",
            Self::Charts => "charts",
            Self::TexelPoints => "texel_points",
            Self::Unpack => "unpack",
            Self::Gather => "gather",
            Self::Paint => "paint",
        }
    }

    /// The whole WGSL module of the stage.
    pub fn source(self) -> String {
        let resize = include_str!("../../shaders/resize.wgsl");
        let labels = include_str!("../../shaders/labels.wgsl");
        let wide = include_str!("../../shaders/wide.wgsl");
        let trust = include_str!("../../shaders/trust.wgsl");
        let parts = match self {
            Self::ConditionMaps => vec![include_str!("../../shaders/condition_maps.wgsl")],
            Self::ResizeRows => vec![resize, include_str!("../../shaders/resize_rows.wgsl")],
            Self::ResizeColumns => vec![resize, include_str!("../../shaders/resize_columns.wgsl")],
            Self::VisibleDepth => vec![include_str!("../../shaders/visible_depth.wgsl")],
            Self::DepthBytes => vec![include_str!("../../shaders/depth_bytes.wgsl")],
            Self::Sobel => vec![include_str!("../../shaders/sobel.wgsl")],
            Self::Candidates => vec![labels, include_str!("../../shaders/candidates.wgsl")],
            Self::Connect => vec![labels, include_str!("../../shaders/connect.wgsl")],
            Self::Unreliable => vec![labels, include_str!("../../shaders/unreliable.wgsl")],
            Self::DilateRows => vec![include_str!("../../shaders/dilate_rows.wgsl")],
            Self::DilateColumns => vec![include_str!("../../shaders/dilate_columns.wgsl")],
            Self::Splat => vec![wide, include_str!("../../shaders/splat.wgsl")],
            Self::Mean => vec![wide, trust, include_str!("../../shaders/mean.wgsl")],
            Self::Merge => vec![include_str!("../../shaders/merge.wgsl")],
            Self::Finish => vec![trust, include_str!("../../shaders/finish.wgsl")],
            Self::Charts => vec![include_str!("../../shaders/charts.wgsl")],
            Self::TexelPoints => vec![include_str!("../../shaders/texel_points.wgsl")],
            Self::Unpack => vec![include_str!("../../shaders/unpack.wgsl")],
            Self::Gather => vec![trust, include_str!("../../shaders/gather.wgsl")],
            Self::Paint => vec![trust, include_str!("../../shaders/paint.wgsl")],
        };
        let shared = [SHARED_WGSL, FLOAT_WGSL, include_str!("../../shaders/common.wgsl")];
        shared.into_iter().chain(parts).collect::<Vec<_>>().join("\n")
    }
}
