//! A texture compared with the truth.

use hunyuan_paint_raster::RasterError;
use image::RgbImage;
use rayon::prelude::*;

use super::{MIP_LEVELS, TestObject, Texture, render::Picture, test_object::KnownSeam};

/// Squares of differences, summed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SquaredError {
    sum: f64,
    count: u64,
}

impl SquaredError {
    /// The difference of two colors, 0 to 255 a channel.
    pub fn of(found: [f32; 3], truth: [f32; 3]) -> Self {
        let square = |(found, truth): (f32, f32)| f64::from(found - truth).powi(2);
        Self { sum: found.into_iter().zip(truth).map(square).sum(), count: 3 }
    }

    /// Peak signal to noise ratio in dB, infinite without any difference; `None` if nothing was compared.
    pub fn psnr(&self) -> Option<f64> {
        (self.count > 0).then(|| 10.0 * (255.0 * 255.0 * self.count as f64 / self.sum).log10())
    }
}

impl std::ops::Add for SquaredError {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, count: self.count + other.count }
    }
}

impl std::iter::Sum for SquaredError {
    fn sum<I: Iterator<Item = Self>>(errors: I) -> Self {
        errors.fold(Self::default(), |a, b| a + b)
    }
}

/// What is said of a texture. The errors are those against the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Of texels on the surface that a default camera sees.
    pub seen: SquaredError,
    /// Of the other texels on the surface.
    pub unseen: SquaredError,
    /// Along seams, on both sides, of the texture itself.
    pub seams: SquaredError,
    /// Of those only where default cameras see both sides.
    pub seams_seen: SquaredError,
    /// How much the two sides of seams differ, in steps of 255, on each level of detail; 0 without seams.
    pub seam_steps: [f64; MIP_LEVELS],
    /// Of the other cameras' pictures, where the object covers any of a pixel.
    pub pictures: SquaredError,
}

impl Figures {
    /// Compares a texture with the truth.
    ///
    /// # Errors
    /// If the pictures cannot be drawn.
    pub fn new(subject: &TestObject, image: &RgbImage) -> Result<Self, RasterError> {
        let bytes = image.as_chunks::<3>().0;
        let texels = |seen: bool| {
            let texels = subject.texels.iter().filter(|texel| texel.seen == seen);
            texels
                .map(|texel| SquaredError::of(bytes[texel.index as usize].map(f32::from), texel.truth))
                .sum()
        };
        let texture = Texture::new(image);
        let seams = |seen_only: bool| {
            let points = subject.seams.iter().filter(|point| point.seen || !seen_only);
            let both = |point: &KnownSeam| -> SquaredError {
                point.uvs.iter().map(|uv| SquaredError::of(texture.sample(0, *uv), point.truth)).sum()
            };
            points.map(both).sum()
        };
        let pictures = textured_pictures(subject, &texture, subject.pictures.len())?;
        let picture_errors =
            pictures.iter().zip(subject.pictures()).map(|(found, truth)| compare(found, truth));
        Ok(Self {
            seen: texels(true),
            unseen: texels(false),
            seams: seams(false),
            seams_seen: seams(true),
            seam_steps: std::array::from_fn(|level| seam_step(subject, &texture, level)),
            pictures: picture_errors.sum(),
        })
    }
}

/// The first pictures of the other cameras with a texture.
pub(super) fn textured_pictures(
    subject: &TestObject,
    texture: &Texture,
    count: usize,
) -> Result<Vec<Picture>, RasterError> {
    let frame = TestObject::picture_frame(&subject.sizes);
    let picture = |camera| Picture::new(&subject.mesh, camera, &frame, |place| texture.sample(0, place.uv));
    subject.pictures.iter().take(count).map(|(camera, _)| picture(camera)).collect()
}

fn compare(found: &Picture, truth: &Picture) -> SquaredError {
    (found.colors.iter().zip(&truth.colors).zip(&truth.coverage))
        .filter(|(_, coverage)| **coverage > 0.0)
        .map(|((found, truth), _)| SquaredError::of(*found, *truth))
        .sum()
}

/// The mean absolute difference between the two sides of the seams.
fn seam_step(subject: &TestObject, texture: &Texture, level: usize) -> f64 {
    let step = |point: &KnownSeam| {
        let [a, b] = point.uvs.map(|uv| texture.sample(level, uv));
        a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / 3.0
    };
    let steps: Vec<f64> = subject.seams.par_iter().map(step).collect();
    steps.iter().sum::<f64>() / steps.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::{error::Error, ops::ControlFlow};

    use glam::Vec3;
    use hunyuan_paint_mesh::{CanonicalMesh, Mesh, UnwrapOptions, UvMode, prepare_uvs};
    use image::Rgb;

    use super::*;
    use crate::quality::{
        Sizes,
        color::{ColorAt, patchwork},
        shapes,
    };

    const SIZES: Sizes = Sizes { view: 128, render: 512, texture: 1024, picture: 192 };

    fn subject(mesh: &Mesh, color_at: ColorAt) -> Result<TestObject, Box<dyn Error>> {
        let options = UnwrapOptions::new(SIZES.texture);
        let prepared = prepare_uvs(mesh, UvMode::Unwrap, &options, |_| ControlFlow::Continue(()))?;
        Ok(TestObject::new(CanonicalMesh::new(&prepared.mesh)?, color_at, SIZES)?)
    }

    /// Seen, unseen, seams, pictures.
    fn four(figures: &Figures) -> [f64; 4] {
        [figures.seen, figures.unseen, figures.seams, figures.pictures]
            .map(|error| error.psnr().unwrap_or(f64::NAN))
    }

    #[test]
    fn the_truth_scores_high_and_half_a_texel_off_lower() -> Result<(), Box<dyn Error>> {
        for mesh in [shapes::chair(), shapes::pipes()] {
            let subject = subject(&mesh, patchwork)?;
            let painted = subject.paint()?;
            let truth = Figures::new(&subject, &painted)?;
            assert!(four(&truth).iter().all(|&figure| figure > 40.0), "{:?}", four(&truth));
            assert!(truth.seam_steps[0] < 2.0, "{:?}", truth.seam_steps);

            // Each texel the mean of itself and the one before: the same texture half a texel further.
            let shifted = RgbImage::from_fn(SIZES.texture, SIZES.texture, |x, y| {
                let [a, b] = [x, x.saturating_sub(1)].map(|x| painted.get_pixel(x, y).0);
                Rgb(std::array::from_fn(|i| a[i].midpoint(b[i])))
            });
            let shifted = Figures::new(&subject, &shifted)?;
            let lower = four(&truth).iter().zip(four(&shifted)).all(|(truth, shifted)| shifted < truth - 1.0);
            assert!(lower, "{:?} {:?}", four(&truth), four(&shifted));
        }
        Ok(())
    }

    #[test]
    fn a_grey_texture_scores_what_its_error_says() -> Result<(), Box<dyn Error>> {
        let subject = subject(&shapes::chair(), |_| [90.0, 100.0, 110.0])?;
        let gray = RgbImage::from_pixel(SIZES.texture, SIZES.texture, Rgb([110; 3]));
        let figures = Figures::new(&subject, &gray)?;
        // Differences of 20, 10 and 0.
        let expected = 10.0 * (255.0_f64 * 255.0 * 3.0 / 500.0).log10();
        for figure in four(&figures) {
            assert!((figure - expected).abs() < 1e-3, "{figure} instead of {expected}");
        }
        assert_eq!(figures.seam_steps, [0.0; MIP_LEVELS]);
        Ok(())
    }

    #[test]
    fn a_seam_shows_where_its_sides_differ() -> Result<(), Box<dyn Error>> {
        let subject = subject(&shapes::chair(), patchwork)?;
        let noisy = RgbImage::from_fn(SIZES.texture, SIZES.texture, |x, y| Rgb([(x * 7 + y * 13) as u8; 3]));
        let figures = Figures::new(&subject, &noisy)?;
        assert!(figures.seam_steps[0] > 20.0, "{:?}", figures.seam_steps);
        assert!(four(&figures).iter().all(|&figure| figure < 15.0), "{:?}", four(&figures));
        Ok(())
    }

    #[test]
    fn the_inside_of_a_cup_is_unseen_and_a_ball_is_not() -> Result<(), Box<dyn Error>> {
        let ball = crate::sphere(32, 32, |_, _| 1.0);
        let share = subject(&ball, |place: Vec3| place.to_array())?.seen_share();
        assert!(share > 0.999, "{share}");
        let share = subject(&shapes::cup(), |place: Vec3| place.to_array())?.seen_share();
        assert!((0.5..0.8).contains(&share), "{share}");
        Ok(())
    }

    #[test]
    fn psnr_is_that_of_the_mean_square() {
        assert_eq!(SquaredError::default().psnr(), None);
        assert_eq!(SquaredError::of([1.0; 3], [1.0; 3]).psnr(), Some(f64::INFINITY));
        assert_eq!(SquaredError::of([255.0; 3], [0.0; 3]).psnr(), Some(0.0));
        let sum = SquaredError::of([0.0; 3], [25.5; 3]) + SquaredError::of([25.5; 3], [0.0; 3]);
        assert!(sum.psnr().is_some_and(|psnr| (psnr - 20.0).abs() < 1e-9));
    }
}
