use std::{
    io::Cursor,
    time::{Duration, Instant},
};

use axum::body::Bytes;
use image::{ImageFormat, RgbImage, imageops::thumbnail};

use crate::PaintProgress;

/// Longest side of a preview in pixels.
const SIDE_MAX: u32 = 384;

/// In mid-stage, previews may take one part in so many of the painter's time.
const SHARE: u32 = 10;

/// Decides when to look at a painting. At the end of a stage a look is free; before, the decoder runs for it.
#[derive(Debug, Default)]
pub(crate) struct PreviewPace {
    last: Option<(Instant, Duration)>,
}

impl PreviewPace {
    /// PNG files of what there is to see, or nothing if it is not the time.
    pub(crate) fn take(&mut self, progress: &PaintProgress<'_>, watched: bool) -> Vec<Bytes> {
        let at_end = progress.fraction >= 1.0;
        let due = self.last.is_none_or(|(end, cost)| end.elapsed() >= cost * SHARE);
        let worth_it = at_end || (watched && due);
        if !worth_it {
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
    let small = (longest > SIDE_MAX).then(|| {
        let scaled = |side: u32| (u64::from(side) * u64::from(SIDE_MAX) / u64::from(longest)).max(1) as u32;
        thumbnail(image, scaled(width), scaled(height))
    });
    let mut png = Cursor::new(Vec::new());
    match small.as_ref().unwrap_or(image).write_to(&mut png, ImageFormat::Png) {
        Ok(()) => Some(Bytes::from(png.into_inner())),
        Err(error) => {
            tracing::warn!(%error, "no preview");
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
    fn the_decoder_runs_only_for_someone_who_looks_and_not_too_often() {
        let asked = Cell::new(0);
        let preview = || {
            asked.set(asked.get() + 1);
            std::thread::sleep(Duration::from_millis(20));
            vec![RgbImage::new(4, 4)]
        };
        let at = |fraction| PaintProgress { stage: PaintStage::Views, fraction, preview: &preview };
        let mut pace = PreviewPace::default();
        assert!(pace.take(&at(0.1), false).is_empty());
        assert_eq!(asked.get(), 0);
        assert_eq!(pace.take(&at(0.2), true).len(), 1);
        assert!(pace.take(&at(0.3), true).is_empty(), "too early");
        assert_eq!(asked.get(), 1);
        assert_eq!(pace.take(&at(1.0), false).len(), 1, "the end of a stage is always shown");
    }

    #[test]
    fn large_images_shrink_and_keep_their_shape() -> Result<(), Box<dyn std::error::Error>> {
        for (size, expected) in [((800, 400), (384, 192)), ((3000, 1), (384, 1)), ((64, 32), (64, 32))] {
            let png = encode(&RgbImage::new(size.0, size.1)).ok_or("no preview")?;
            assert_eq!(image::load_from_memory(&png)?.to_rgb8().dimensions(), expected);
        }
        Ok(())
    }
}
