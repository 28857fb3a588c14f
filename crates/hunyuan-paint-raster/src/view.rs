//! The input of the rasterizer: views and options.

use glam::Vec4;

use crate::{RasterError, Size};

/// The vertices of a mesh in the clip space of one camera, and the image to draw.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The vertices in clip space. Visible points have x/w, y/w and z/w from −1 to 1.
    pub clip_positions: &'a [Vec4],
    /// The size of the image.
    pub size: Size,
    /// The depth in front of which nothing is drawn. `None` draws everything.
    pub depth_prior: Option<DepthPrior<'a>>,
}

impl<'a> View<'a> {
    /// Creates a view without a depth prior.
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

/// Depths in front of which nothing is drawn. Depth peeling uses them to render the next layer
/// behind one that is already rendered.
#[derive(Clone, Copy, Debug)]
pub struct DepthPrior<'a> {
    /// One NDC depth (−1 to 1) per pixel, row by row.
    pub depth: &'a [f32],
    /// An offset, added to the prior after its conversion to 0…1. Fragments nearer than the sum are
    /// dropped.
    pub occlusion_truncation: f32,
}

impl DepthPrior<'_> {
    /// Returns the least depth, from 0 (near) to 1 (far), that is drawn at a pixel.
    #[inline]
    pub(crate) fn least_depth(&self, pixel: usize) -> f32 {
        self.depth[pixel] * DEPTH_SCALE + 0.5 + self.occlusion_truncation
    }
}

/// Half the depth range, slightly below one half so that the far plane stays below 1.
pub(crate) const DEPTH_SCALE: f32 = 0.49999;

/// The options of the rasterizer. The defaults are those of the original.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RasterOptions {
    /// The rule that decides which pixels a face covers.
    pub coverage: Coverage,
    /// The position of NDC −1 and 1 on the image.
    pub viewport: Viewport,
    /// The format in which a GPU stores the nearest face of a pixel. `None` selects the fastest one
    /// that the device supports.
    pub depth_key: Option<DepthKey>,
}

/// The rule that decides which pixels a face covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coverage {
    /// The original's rule: a face covers a pixel if the three barycentrics of the pixel's center
    /// are 0 to 1 in float32. A pixel on a shared edge is covered by both faces; it shows the
    /// nearer one, or at equal depth the one with the lower index. A face behind the camera is
    /// drawn where the division by its negative w puts it. GPUs give the same bits, except for
    /// subnormal numbers, and for barycentrics below 2⁻⁴⁹ next to a rounding midpoint.
    #[default]
    Reference,
    /// A watertight rule in integers. Vertices are snapped to 1/256 of a pixel, and the top-left
    /// rule assigns each pixel on a shared edge to exactly one face. Every device gives the same
    /// bits.
    ///
    /// Faces are not clipped. A face is left out if one of its vertices is not finite, has w ≤ 0,
    /// has |x/w|, |y/w| or |z/w| of 32 or more, or lies more than 32,767 pixels from the image's
    /// first corner.
    FixedPoint,
}

/// The position of NDC −1 and 1 on the image. The row index grows with NDC y; nothing is flipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Viewport {
    /// On the centers of the first and the last pixel, as in the original.
    #[default]
    PixelCenters,
    /// On the outer edges of the image, as in Vulkan, Metal and WebGPU.
    ImageEdges,
}

impl Viewport {
    /// Returns the distance from NDC −1 to 1, in pixels, along an axis of `pixel_count` pixels.
    pub(crate) const fn span(self, pixel_count: u32) -> u32 {
        match self {
            Self::PixelCenters => pixel_count - 1,
            Self::ImageEdges => pixel_count,
        }
    }

    /// Returns the position of NDC −1, in half pixels from the edge of the image.
    pub(crate) const fn half_pixels(self) -> u32 {
        match self {
            Self::PixelCenters => 1,
            Self::ImageEdges => 0,
        }
    }
}

/// The format in which a GPU stores the nearest face of a pixel. Both formats order faces by depth
/// in steps of 2⁻¹⁸ of the depth range, then by face index. Both give the same image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DepthKey {
    /// One 64-bit word: the depth in the upper half, the face index in the lower one. Needs a
    /// device with 64-bit atomic minimum.
    Packed64,
    /// Two 32-bit words. The first pass over the faces finds the least depth of each pixel, the
    /// second one the least face index at that depth. Works on every device, but draws twice.
    TwoPass32,
}

impl DepthKey {
    /// The largest number of faces that a key can distinguish. This is the limit of the original,
    /// which stores face indices in 31 bits.
    pub const FACE_LIMIT: usize = (1 << 31) - 3;

    pub(crate) fn check(face_count: usize) -> Result<(), RasterError> {
        match Self::FACE_LIMIT {
            limit if face_count > limit => Err(RasterError::TooManyFaces { limit, found: face_count }),
            _ => Ok(()),
        }
    }
}
