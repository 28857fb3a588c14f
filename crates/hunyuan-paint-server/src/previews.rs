use std::{
    io::Cursor,
    time::{Duration, Instant},
};

use axum::body::Bytes;
use image::{ImageFormat, RgbImage, imageops::thumbnail};

use crate::PaintProgress;

/// The longest side of a preview in pixels.
const MAX_SIDE: u32 = 384;

/// Previews within a stage may take one part in this many of the painter's time.
const SHARE: u32 = 10;

/// Decides when to make previews. At the end of a stage they are free; within a stage the decoder
/// runs for them.
#[derive(Debug, Default)]
pub(crate) struct PreviewThrottle {
    /// The end of the last preview within a stage, and the time that it took.
    last: Option<(Instant, Duration)>,
}

impl PreviewThrottle {
    /// Returns previews as PNG files, or none if they are not due.
    pub(crate) fn take(&mut self, progress: &PaintProgress<'_>, is_watched: bool) -> Vec<Bytes> {
        let at_end = progress.fraction >= 1.0;
        let is_due = self.last.is_none_or(|(end, cost)| end.elapsed() >= cost * SHARE);
        let is_wanted = at_end || (is_watched && is_due);
        if !is_wanted {
            return Vec::new();
        }
        let start = Instant::now();
        let images = (progress.preview)();
        let previews: Vec<Bytes> = images.iter().filter_map(encode).collect();
        if !at_end && !previews.is_empty() {
            self.last = Some((Instant::now(), start.elapsed()));
        }
        previews
    }
}

fn encode(image: &RgbImage) -> Option<Bytes> {
    let (width, height) = image.dimensions();
    let longest = width.max(height);
    let small = (longest > MAX_SIDE).then(|| {
        let scaled = |side: u32| (u64::from(side) * u64::from(MAX_SIDE) / u64::from(longest)).max(1) as u32;
        thumbnail(image, scaled(width), scaled(height))
    });
    let mut png = Cursor::new(Vec::new());
    match small.as_ref().unwrap_or(image).write_to(&mut png, ImageFormat::Png) {
        Ok(()) => Some(Bytes::from(png.into_inner())),
        Err(error) => {
            tracing::warn!(%error, "cannot encode a preview");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use hunyuan_paint::PaintStage;

    use super::*;

    #[test]
    fn the_decoder_runs_only_for_viewers_and_not_too_often() {
        let asked = Cell::new(0);
        let preview = || {
            asked.set(asked.get() + 1);
            std::thread::sleep(Duration::from_millis(20));
            vec![RgbImage::new(4, 4)]
        };
        let at = |fraction| PaintProgress { stage: PaintStage::Views, fraction, preview: &preview };
        let mut throttle = PreviewThrottle::default();
        assert!(throttle.take(&at(0.1), false).is_empty());
        assert_eq!(asked.get(), 0);
        assert_eq!(throttle.take(&at(0.2), true).len(), 1);
        assert!(throttle.take(&at(0.3), true).is_empty(), "too early");
        assert_eq!(asked.get(), 1);
        assert_eq!(throttle.take(&at(1.0), false).len(), 1, "the end of a stage is always shown");
    }

    #[test]
    fn large_images_shrink_in_proportion() -> Result<(), Box<dyn std::error::Error>> {
        for (size, expected) in [((800, 400), (384, 192)), ((3000, 1), (384, 1)), ((64, 32), (64, 32))] {
            let png = encode(&RgbImage::new(size.0, size.1)).ok_or("cannot encode a preview")?;
            assert_eq!(image::load_from_memory(&png)?.to_rgb8().dimensions(), expected);
        }
        Ok(())
    }
}
