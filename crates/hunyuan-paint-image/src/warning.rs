use std::fmt;

/// A peculiarity of a reference image that affects the painting without preventing it; see
/// [`ReferenceImage::warnings`](crate::ReferenceImage::warnings).
///
/// It displays as one sentence that starts in lower case and has no full stop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageWarning {
    /// An image without alpha is not a square, so it is padded.
    Padded {
        /// Its width in pixels, before the padding.
        width: u32,
        /// Its height in pixels, before the padding.
        height: u32,
    },
    /// An image has no alpha, or an alpha of 255 everywhere, so nothing separates the object from
    /// the background.
    NoTransparency,
    /// Faint or tiny parts of a cutout are away from the object, so they are outside the crop (see
    /// [`CropRule::Opaque`](crate::CropRule::Opaque)).
    SpecksIgnored {
        /// Number of parts.
        count: usize,
    },
}

impl fmt::Display for ImageWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Padded { width, height } => {
                write!(f, "the image is padded to a square, because it has {width} x {height} pixels")
            }
            Self::NoTransparency => f.write_str(
                "the image has no transparent pixel, so its background is painted onto the object",
            ),
            Self::SpecksIgnored { count: 1 } => {
                f.write_str("1 faint or tiny speck away from the object is ignored")
            }
            Self::SpecksIgnored { count } => {
                write!(f, "{count} faint or tiny specks away from the object are ignored")
            }
        }
    }
}
