//! The WGSL sources, one file per stage, and what each is put together from.

use crate::{Coverage, DepthKey};

/// WGSL that needs nothing else: `NO_FACE`, and `group_of`, which counts the workgroups of a dispatch that has wrapped
/// into a second dimension.
pub const SHARED_WGSL: &str = include_str!("../../shaders/shared.wgsl");

/// WGSL functions whose float results are those of IEEE 754 to the last bit, as the CPU's are: `no_contract` around each
/// product and sum, `divide`, `square_root`, `weighted_sum`. A module that this is joined to needs a uniform `params`
/// with a field `zero: u32`, which the host fills with 0.
pub const FLOAT_WGSL: &str = include_str!("../../shaders/float.wgsl");

/// A stage of drawing, in order. Its entry point has its [`name`](RasterPass::name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RasterPass {
    /// All pixels show the background.
    Clear,
    /// Vertices from clip space to the image.
    Project,
    /// The nearest face of every pixel: faces of a few pixels.
    DrawSmall,
    /// The same: faces of up to 127 pixels a side.
    DrawMedium,
    /// The same: all larger ones.
    DrawLarge,
    /// Face index and barycentrics.
    Resolve,
    /// Vertex attributes at the pixels.
    Interpolate,
    /// Which pixels show a face.
    Mask,
}

/// The sources of a coverage rule.
struct RuleSources {
    /// Vertices and bounding boxes.
    common: &'static str,
    /// Triangles that `draw_small` and `draw_medium` draw.
    small_triangle: &'static str,
    /// Triangles of any size.
    any_triangle: &'static str,
    /// Barycentrics.
    resolve: &'static str,
}

impl RasterPass {
    /// All stages.
    pub const ALL: &'static [Self] = &[
        Self::Clear,
        Self::Project,
        Self::DrawSmall,
        Self::DrawMedium,
        Self::DrawLarge,
        Self::Resolve,
        Self::Interpolate,
        Self::Mask,
    ];

    /// The name of the stage, of its file and of its entry point.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Project => "project",
            Self::DrawSmall => "draw_small",
            Self::DrawMedium => "draw_medium",
            Self::DrawLarge => "draw_large",
            Self::Resolve => "resolve",
            Self::Interpolate => "interpolate",
            Self::Mask => "mask",
        }
    }

    /// The whole WGSL module of the stage, for anyone who runs it without this crate's host code.
    pub fn source(self, coverage: Coverage, depth_key: DepthKey) -> String {
        let common = concat!(
            include_str!("../../shaders/shared.wgsl"),
            "\n",
            include_str!("../../shaders/common.wgsl")
        );
        let corners = include_str!("../../shaders/corners.wgsl");
        let draw = include_str!("../../shaders/draw.wgsl");
        let rule = match coverage {
            Coverage::Reference => RuleSources {
                common: concat!(
                    include_str!("../../shaders/float.wgsl"),
                    "\n",
                    include_str!("../../shaders/reference.wgsl")
                ),
                small_triangle: include_str!("../../shaders/reference_triangle.wgsl"),
                any_triangle: include_str!("../../shaders/reference_triangle.wgsl"),
                resolve: include_str!("../../shaders/reference_resolve.wgsl"),
            },
            Coverage::FixedPoint => RuleSources {
                common: include_str!("../../shaders/fixed_point.wgsl"),
                small_triangle: include_str!("../../shaders/fixed_point_narrow.wgsl"),
                any_triangle: include_str!("../../shaders/fixed_point_wide.wgsl"),
                resolve: include_str!("../../shaders/fixed_point_resolve.wgsl"),
            },
        };
        let key = match depth_key {
            DepthKey::Packed64 => include_str!("../../shaders/key_packed64.wgsl"),
            DepthKey::TwoPass32 => include_str!("../../shaders/key_two_pass32.wgsl"),
        };
        let key_resolve = include_str!("../../shaders/key_resolve.wgsl");
        let drawn_by = |triangle, stage| vec![common, rule.common, triangle, key, corners, draw, stage];
        let parts = match self {
            Self::Clear => vec![common, include_str!("../../shaders/clear.wgsl")],
            Self::Project => vec![common, rule.common, include_str!("../../shaders/project.wgsl")],
            Self::DrawSmall => drawn_by(rule.small_triangle, include_str!("../../shaders/draw_small.wgsl")),
            Self::DrawMedium => drawn_by(rule.small_triangle, include_str!("../../shaders/draw_medium.wgsl")),
            Self::DrawLarge => drawn_by(rule.any_triangle, include_str!("../../shaders/draw_large.wgsl")),
            Self::Resolve => {
                let resolve = include_str!("../../shaders/resolve.wgsl");
                vec![common, rule.common, rule.any_triangle, rule.resolve, key_resolve, corners, resolve]
            }
            Self::Interpolate => vec![common, FLOAT_WGSL, include_str!("../../shaders/interpolate.wgsl")],
            Self::Mask => vec![common, include_str!("../../shaders/mask.wgsl")],
        };
        parts.join("\n")
    }
}
