//! What is drawn, and how.

use glam::Vec4;

use crate::{RasterError, Size};

/// A mesh's vertices as one camera sees them, and the image to draw them on.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The vertices in clip space: visible points have x/w, y/w and z/w from −1 to 1.
    pub clip_positions: &'a [Vec4],
    /// The size of the image.
    pub size: Size,
    /// Where to stop drawing what is near.
    pub depth_prior: Option<DepthPrior<'a>>,
}

impl<'a> View<'a> {
    /// A view without a depth prior.
    pub const fn new(clip_positions: &'a [Vec4], size: Size) -> Self {
        Self { clip_positions, size, depth_prior: None }
    }

    pub(crate) fn check(&self) -> Result<(), RasterError> {
        self.size.check()?;
        match self.depth_prior {
            Some(prior) if prior.depth.len() != self.size.pixel_count() => Err(RasterError::BufferLength {
                buffer: "depth prior",
                expected: self.size.pixel_count(),
                found: prior.depth.len(),
            }),
            _ => Ok(()),
        }
    }
}

/// Depths in front of which nothing is drawn, as for depth peeling: the next layer behind a rendered one.
#[derive(Clone, Copy, Debug)]
pub struct DepthPrior<'a> {
    /// One NDC depth (−1 to 1) per pixel, row by row.
    pub depth: &'a [f32],
    /// Added to the prior once it is mapped to 0…1: a fragment nearer than that is dropped.
    pub occlusion_truncation: f32,
}

impl DepthPrior<'_> {
    /// The least depth, from 0 (near) to 1 (far), that shows at a pixel.
    #[inline]
    pub(crate) fn least_depth(&self, pixel: usize) -> f32 {
        self.depth[pixel] * DEPTH_SCALE + 0.5 + self.occlusion_truncation
    }
}

/// Half the depth range, just short of one half so that the far plane stays below 1.
pub(crate) const DEPTH_SCALE: f32 = 0.49999;

/// How a mesh is drawn. The default is the original's way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RasterOptions {
    /// Which pixels a face covers.
    pub coverage: Coverage,
    /// Where NDC −1 and 1 lie on the image.
    pub viewport: Viewport,
    /// How a GPU's pixel stores its nearest face. `None` takes the fastest that the device supports.
    pub depth_key: Option<DepthKey>,
}

/// Which pixels a face covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coverage {
    /// The original's rule: a pixel whose center has three barycentrics of 0 to 1, in float32. Pixels on an
    /// edge belong to both faces, the nearer or lower one shows; a face behind the camera is drawn where the
    /// division by its negative w puts it. GPUs give the same bits, but for subnormal numbers.
    #[default]
    Reference,
    /// Vertices are snapped to 1/256 of a pixel and coverage is decided in integers, with the top-left rule:
    /// no gap and no pixel twice along a shared edge. Every device gives the same bits.
    ///
    /// There is no clipping: a face is left out if a vertex has w ≤ 0, is not finite, has |x/w|, |y/w| or
    /// |z/w| of 32 or more, or lies more than 32,767 pixels from the image's first corner.
    FixedPoint,
}

/// Where NDC −1 and 1 lie on the image. Rows follow NDC y, nothing is flipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Viewport {
    /// On the centers of the first and the last pixel, as the original has it.
    #[default]
    PixelCenters,
    /// On the image's outer edges, as in Vulkan, Metal and WebGPU.
    ImageEdges,
}

impl Viewport {
    /// The pixels between NDC −1 and 1 along an axis of that many pixels.
    pub(crate) const fn span(self, pixel_count: u32) -> u32 {
        match self {
            Self::PixelCenters => pixel_count - 1,
            Self::ImageEdges => pixel_count,
        }
    }

    /// Where NDC −1 lies, in halves of a pixel from the image's edge.
    pub(crate) const fn half_pixels(self) -> u32 {
        match self {
            Self::PixelCenters => 1,
            Self::ImageEdges => 0,
        }
    }
}

/// How a pixel of a GPU stores its nearest face. Both order by depth in steps of 2⁻¹⁸ of the range, then by
/// face, and agree to the bit, with the CPU too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DepthKey {
    /// Depth above face in 64 bits. Needs a device with 64-bit atomic minimum.
    Packed64,
    /// First the least depth of each pixel, then the least face at that depth: exact on every device, but
    /// draws twice.
    TwoPass32,
}

impl DepthKey {
    /// The most faces that a key can tell apart: as many as the original's 31 bits hold.
    pub const FACE_LIMIT: usize = (1 << 31) - 3;

    pub(crate) fn check(face_count: usize) -> Result<(), RasterError> {
        match Self::FACE_LIMIT {
            limit if face_count > limit => Err(RasterError::TooManyFaces { limit, found: face_count }),
            _ => Ok(()),
        }
    }
}
