//! The uniform parameters of the passes.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::mesh::Chunk;
use crate::{View, cpu::ViewportTransform};

/// The longest bounding-box side of a medium face, in pixels, for which edge functions fit into 32
/// bits.
pub(super) const MEDIUM_SIDE_LIMIT: u32 = 127;

/// The sizes that decide which pass draws a face. They affect the speed, not the image.
#[derive(Clone, Copy, Debug)]
pub struct BinningThresholds {
    /// The largest bounding box of a small face, in pixels. One thread draws a small face.
    pub small_pixels: u32,
    /// The longest bounding-box side of a medium or small face, in pixels, at most 127. 32 threads
    /// draw a medium face.
    pub medium_side: u32,
}

impl Default for BinningThresholds {
    fn default() -> Self {
        Self { small_pixels: 128, medium_side: MEDIUM_SIDE_LIMIT }
    }
}

/// The struct `Params` of `common.wgsl`, which documents the fields.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct Params {
    pub(super) span: [u32; 2],
    pub(super) half_pixels: u32,
    pub(super) width: u32,
    pub(super) first_row: u32,
    pub(super) row_count: u32,
    pub(super) chunk: u32,
    pub(super) vertex_count: u32,
    pub(super) first_face: u32,
    pub(super) face_count: u32,
    pub(super) second_pass: u32,
    pub(super) has_depth_prior: u32,
    pub(super) channel_count: u32,
    pub(super) first_channel: u32,
    pub(super) group_channels: u32,
    pub(super) small_pixels: u32,
    pub(super) medium_side: u32,
    pub(super) zero: u32,
}

impl Params {
    /// Returns the parameters of the passes over a range of rows of a view.
    pub(super) fn new(
        view: &View<'_>,
        rows: Range<u32>,
        transform: ViewportTransform,
        thresholds: BinningThresholds,
    ) -> Self {
        Self {
            span: transform.span,
            half_pixels: transform.half_pixels,
            width: view.size.width,
            first_row: rows.start,
            row_count: rows.len() as u32,
            has_depth_prior: u32::from(view.depth_prior.is_some()),
            small_pixels: thresholds.small_pixels,
            medium_side: thresholds.medium_side,
            ..Self::zeroed()
        }
    }

    /// Returns a copy of the parameters for one chunk of the mesh.
    pub(super) fn for_chunk(self, chunk: u32, of: &Chunk) -> Self {
        let Chunk { vertex_count, first_face, face_count, .. } = *of;
        Self { chunk, vertex_count, first_face, face_count, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error, mem::offset_of};

    use naga::TypeInner;

    use super::Params;
    use crate::{Coverage, DepthKey, gpu::RasterPass};

    #[test]
    fn parameters_have_the_layout_of_the_wgsl_struct() -> Result<(), Box<dyn Error>> {
        macro_rules! layout {
            ($($field:ident)*) => { [$((stringify!($field), offset_of!(Params, $field))),*] };
        }
        let expected = layout!(
            span half_pixels width first_row row_count chunk vertex_count first_face face_count second_pass
            has_depth_prior channel_count first_channel group_channels small_pixels medium_side zero
        );
        for pass in RasterPass::ALL {
            let module =
                naga::front::wgsl::parse_str(&pass.source(Coverage::FixedPoint, DepthKey::TwoPass32))?;
            let declared = module.types.iter().find(|(_, kind)| kind.name.as_deref() == Some("Params"));
            let Some((_, naga::Type { inner: TypeInner::Struct { members, span }, .. })) = declared else {
                return Err(format!("{}: no struct `Params`", pass.name()).into());
            };
            assert_eq!(*span as usize, size_of::<Params>());
            let declared: Vec<(&str, usize)> = members
                .iter()
                .map(|member| (member.name.as_deref().unwrap_or_default(), member.offset as usize))
                .collect();
            assert_eq!(declared, expected, "{}", pass.name());
        }
        Ok(())
    }
}
