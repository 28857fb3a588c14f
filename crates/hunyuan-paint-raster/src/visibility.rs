//! The output of the rasterizer: the visible face of every pixel.

use crate::RasterError;

/// The face index of a background pixel.
pub const NO_FACE: u32 = u32::MAX;

/// The size of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The number of columns.
    pub width: u32,
    /// The number of rows.
    pub height: u32,
}

impl Size {
    /// The largest width or height that can be rasterized, in pixels.
    pub const LIMIT: u32 = 16_384;

    /// Creates a size of `width` × `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Creates a size of `side` × `side` pixels.
    pub const fn square(side: u32) -> Self {
        Self::new(side, side)
    }

    /// Returns the number of pixels.
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

/// The visible face of each pixel, row by row. NDC y grows with the row index; nothing is flipped.
#[derive(Clone, Debug, PartialEq)]
pub struct VisibilityBuffer {
    /// The index of the visible face of each pixel, from 0; [`NO_FACE`] for background pixels. (The
    /// original counts faces from 1 and uses 0 for the background.)
    pub face_index: Vec<u32>,
    /// The perspective-correct weights of the face's three vertices at each pixel, with a sum of 1;
    /// zeros for background pixels.
    pub barycentrics: Vec<[f32; 3]>,
    /// The least and the greatest NDC depth of all pixels that show a face; `None` if no pixel
    /// does.
    pub depth_range: Option<[f32; 2]>,
    /// The number of columns.
    pub width: u32,
    /// The number of rows.
    pub height: u32,
}

impl VisibilityBuffer {
    /// Returns the size of the image.
    pub const fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}
