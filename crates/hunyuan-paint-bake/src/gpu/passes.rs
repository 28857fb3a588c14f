//! The compute passes: one WGSL file each, with a typed struct for its uniform parameters.

use hunyuan_paint_raster::gpu::{FLOAT_WGSL, SHARED_WGSL};

/// The parameters of a pass: the fields of the struct `Params` in its WGSL file, without `zero`,
/// which comes last and is appended by `Work::dispatch`.
pub(super) trait PassParams: bytemuck::Pod {
    /// The pass that takes them.
    const PASS: BakePass;
}

/// Defines [`BakePass`], and a struct in [`params`] for each pass. Each entry consists of the pass,
/// its name, the WGSL files that it needs besides its own and the common ones, and its parameters.
macro_rules! passes {
    ($($(#[$doc:meta])* $pass:ident $name:literal [$($needed:literal),*] { $($field:ident: $type:ty),* })*) => {
        /// A compute pass with a shader of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum BakePass {
            $($(#[$doc])* $pass,)*
        }

        impl BakePass {
            /// All passes.
            pub const ALL: &'static [Self] = &[$(Self::$pass),*];

            /// Returns the name of the pass, which is also the name of its WGSL file and of its
            /// entry point.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$pass => $name,)*
                }
            }

            /// Returns the complete WGSL source of the pass.
            pub fn source(self) -> String {
                let parts: &[&str] = match self {
                    $(Self::$pass => &[
                        $(include_str!(concat!("../../shaders/", $needed, ".wgsl")),)*
                        include_str!(concat!("../../shaders/", $name, ".wgsl")),
                    ],)*
                };
                let common = [SHARED_WGSL, FLOAT_WGSL, include_str!("../../shaders/common.wgsl")];
                [&common, parts].concat().join("\n")
            }
        }

        /// The parameters of each pass.
        pub(super) mod params {
            $(
                #[doc = concat!("The parameters of [`BakePass::", stringify!($pass), "`](super::BakePass).")]
                #[repr(C)]
                #[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
                pub(in crate::gpu) struct $pass {
                    $(pub(in crate::gpu) $field: $type,)*
                }

                impl super::PassParams for $pass {
                    const PASS: super::BakePass = super::BakePass::$pass;
                }
            )*

            /// The layout of each struct: the name and the byte offset of each field, and the size
            /// in bytes.
            #[cfg(test)]
            pub(super) const LAYOUTS: &[(super::BakePass, &[(&str, usize)], usize)] = &[$((
                super::BakePass::$pass,
                &[$((stringify!($field), std::mem::offset_of!($pass, $field))),*],
                size_of::<$pass>(),
            )),*];
        }
    };
}

passes! {
    /// Normals and positions as colors.
    ConditionMaps "condition_maps" [] { pixel_count: u32 }
    /// Bicubic resize along the rows.
    ResizeRows "resize_rows" ["resize"] {
        source_width: u32, target_width: u32, row_count: u32, source_start: u32, target_start: u32
    }
    /// Bicubic resize along the columns.
    ResizeColumns "resize_columns" ["resize"] {
        source_width: u32, target_width: u32, row_count: u32, source_start: u32, target_start: u32
    }
    /// View-space z of the pixels that show a face, and its range.
    VisibleDepth "visible_depth" [] { pixel_count: u32, channel_count: u32, channel: u32 }
    /// Depth as a byte.
    DepthBytes "depth_bytes" [] { pixel_count: u32, range_min: f32 }
    /// Sobel derivatives of an image.
    Sobel "sobel" [] { width: u32, height: u32 }
    /// Edge candidates: local maxima of the gradient above the lower threshold.
    Candidates "candidates" ["labels"] { width: u32, height: u32, low: u32, high: u32 }
    /// Connected components of the candidates.
    Connect "connect" ["labels"] { width: u32, height: u32 }
    /// Mask of the background and the edges.
    Unreliable "unreliable" ["labels"] { pixel_count: u32 }
    /// Dilation of the mask along the rows.
    DilateRows "dilate_rows" [] { width: u32, height: u32, radius: u32 }
    /// Dilation of the mask along the columns, and removal of the masked depth.
    DilateColumns "dilate_columns" [] { width: u32, height: u32, radius: u32 }
    /// The face of each texel that a chart covers or touches.
    Charts "charts" [] { texture_size: u32 }
    /// The surface point and the normal of each texel.
    TexelPoints "texel_points" [] { texel_count: u32 }
    /// Conversion of an image from three bytes to a word per pixel.
    Unpack "unpack" [] { pixel_count: u32 }
    /// Lookup of each texel in a view, added to the sums over all views.
    Gather "gather" ["blend_weight"] {
        clip_x: [f32; 4], clip_y: [f32; 4], clip_w: [f32; 4], z_view: [f32; 4],
        span: [f32; 2], image_scale: [f32; 2], view_size: [u32; 2], image_size: [u32; 2],
        tolerance: f32, cosine_squared_min: f32, weight: f32, exponent: u32, texel_count: u32
    }
    /// Division of the color sums by the sums of blend weights, as bytes.
    Normalize "normalize_colors" ["blend_weight"] { texel_count: u32 }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use naga::TypeInner;

    use super::{BakePass, params};

    #[test]
    fn parameters_have_the_layout_of_the_wgsl_struct() -> Result<(), Box<dyn Error>> {
        assert_eq!(params::LAYOUTS.len(), BakePass::ALL.len());
        for &(pass, fields, size) in params::LAYOUTS {
            let module = naga::front::wgsl::parse_str(&pass.source())?;
            let declared = module.types.iter().find(|(_, kind)| kind.name.as_deref() == Some("Params"));
            let Some((_, naga::Type { inner: TypeInner::Struct { members, .. }, .. })) = declared else {
                return Err(format!("{}: no struct `Params`", pass.name()).into());
            };
            let declared: Vec<(&str, usize)> = members
                .iter()
                .map(|member| (member.name.as_deref().unwrap_or_default(), member.offset as usize))
                .collect();
            let expected: Vec<(&str, usize)> = fields.iter().copied().chain([("zero", size)]).collect();
            assert_eq!(declared, expected, "{}", pass.name());
        }
        Ok(())
    }
}
