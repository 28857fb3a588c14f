//! The WGSL modules of the passes, assembled from the files in `shaders/`.

use crate::{Coverage, DepthKey};

/// Self-contained WGSL: the constant `NO_FACE`, and `group_of`, which returns the index of a
/// workgroup in a dispatch that [`GpuDevice::dispatch`](super::GpuDevice::dispatch) wrapped into a
/// second dimension.
pub const SHARED_WGSL: &str = include_str!("../../shaders/shared.wgsl");

/// WGSL functions whose float results are correctly rounded, and so have the bits of the CPU's:
/// `no_contract`, to wrap each product and sum in, `divide`, `square_root` and `weighted_sum`. The
/// module that includes them must declare a uniform `params` with a field `zero: u32`, and the host
/// must set that field to 0.
pub const FLOAT_WGSL: &str = include_str!("../../shaders/float.wgsl");

/// A pass of the rasterizer. The entry point of its shader is its [`name`](RasterPass::name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RasterPass {
    /// Clears the pixels of a band to the background and empties the queues of faces.
    Clear,
    /// Projects the vertices from clip space to the image.
    Project,
    /// Draws the small faces, one thread each, and queues the others.
    DrawSmall,
    /// Draws the medium faces, 32 threads each.
    DrawMedium,
    /// Draws the large faces, one workgroup per tile of the band.
    DrawLarge,
    /// Writes the face index and barycentrics of each pixel.
    Resolve,
    /// Interpolates vertex attributes at the pixels.
    Interpolate,
    /// Writes the mask of the pixels that show a face.
    Mask,
}

/// The WGSL files of a coverage rule.
struct RuleSources {
    /// Vertices and bounding boxes.
    common: &'static str,
    /// Triangles for `draw_small` and `draw_medium`.
    small_triangle: &'static str,
    /// Triangles of any size.
    any_triangle: &'static str,
    /// Barycentrics.
    resolve: &'static str,
}

impl RasterPass {
    /// All passes.
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

    /// Returns the name of the pass, which is also that of its file and entry point.
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

    /// Returns the complete WGSL module of the pass.
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
        let drawn_by = |triangle, pass| vec![common, rule.common, triangle, key, corners, draw, pass];
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
