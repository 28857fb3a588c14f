//! What comes out of a rasterizer: which face every pixel shows.

use crate::RasterError;

/// The face index of a pixel that shows the background.
pub const NO_FACE: u32 = u32::MAX;

/// The size of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// The largest width or height that is rasterized.
    pub const LIMIT: u32 = 16_384;

    /// `width` by `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// As many rows as columns.
    pub const fn square(side: u32) -> Self {
        Self::new(side, side)
    }

    /// The number of pixels.
    pub const fn pixel_count(self) -> usize {
        self.width as usize * self.height as usize
    }

    pub(crate) fn check(self) -> Result<(), RasterError> {
        let Self { width, height } = self;
        let sides = 1..=Self::LIMIT;
        if sides.contains(&width) && sides.contains(&height) {
            Ok(())
        } else {
            Err(RasterError::Size { width, height, limit: Self::LIMIT })
        }
    }
}

/// The face that each pixel shows, row by row. NDC y grows with the row: nothing is flipped.
#[derive(Clone, Debug, PartialEq)]
pub struct VisibilityBuffer {
    /// One face per pixel, counted from 0; [`NO_FACE`] where there is none. (The original counts from 1 and
    /// has 0 for the background.)
    pub face_index: Vec<u32>,
    /// For each pixel the weights of the face's three vertices, perspective-correct, with a sum of 1; zeros
    /// where there is no face.
    pub barycentrics: Vec<[f32; 3]>,
    /// The least and the greatest NDC depth that a pixel shows; `None` if all show the background.
    pub depth_range: Option<[f32; 2]>,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl VisibilityBuffer {
    /// The size of the image.
    pub const fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}
