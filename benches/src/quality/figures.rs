//! Comparison of a texture with the ground truth.

use hunyuan_paint_raster::RasterError;
use image::RgbImage;
use rayon::prelude::*;

use super::{MIP_LEVELS, TestObject, Texture, render::Picture, test_object::KnownSeam};

/// A sum of squared differences.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SquaredError {
    sum: f64,
    count: u64,
}

impl SquaredError {
    /// Returns the squared difference of two colors, 0 to 255 per channel.
    pub fn of(found: [f32; 3], truth: [f32; 3]) -> Self {
        let square = |(found, truth): (f32, f32)| f64::from(found - truth).powi(2);
        Self { sum: found.into_iter().zip(truth).map(square).sum(), count: 3 }
    }

    /// Returns the peak signal-to-noise ratio in dB: infinite if all values are equal, `None` if
    /// nothing was compared.
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

/// The figures of a texture. Errors are relative to the ground truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Error of surface texels that a default camera sees.
    pub seen: SquaredError,
    /// Error of the other surface texels.
    pub unseen: SquaredError,
    /// Error of the texture along seams, on both sides.
    pub seams: SquaredError,
    /// The same error, only where default cameras see both sides.
    pub seams_seen: SquaredError,
    /// Mean difference between the two sides of seams, 0 to 255, per level of detail; 0 without
    /// seams.
    pub seam_steps: [f64; MIP_LEVELS],
    /// Error of images from the other cameras, in pixels that the object covers at least partly.
    pub pictures: SquaredError,
}

impl Figures {
    /// Compares a texture with the ground truth.
    ///
    /// # Errors
    /// If the images cannot be rendered.
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

/// Renders images with a texture from the first `count` of the other cameras.
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

/// Returns the mean absolute difference between the two sides of the seams.
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

    /// Returns the PSNR of seen texels, unseen texels, seams and pictures.
    fn four(figures: &Figures) -> [f64; 4] {
        [figures.seen, figures.unseen, figures.seams, figures.pictures]
            .map(|error| error.psnr().unwrap_or(f64::NAN))
    }

    #[test]
    fn the_truth_scores_higher_than_a_texture_shifted_by_half_a_texel() -> Result<(), Box<dyn Error>> {
        for mesh in [shapes::chair(), shapes::pipes()] {
            let subject = subject(&mesh, patchwork)?;
            let painted = subject.paint()?;
            let truth = Figures::new(&subject, &painted)?;
            assert!(four(&truth).iter().all(|&figure| figure > 40.0), "{:?}", four(&truth));
            assert!(truth.seam_steps[0] < 2.0, "{:?}", truth.seam_steps);

            // Shifts the texture by half a texel: each texel becomes the mean of itself and the
            // previous one.
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
    fn the_psnr_of_a_gray_texture_matches_its_error() -> Result<(), Box<dyn Error>> {
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
    fn the_seam_step_is_the_difference_of_the_two_sides() -> Result<(), Box<dyn Error>> {
        let subject = subject(&shapes::chair(), patchwork)?;
        let noisy = RgbImage::from_fn(SIZES.texture, SIZES.texture, |x, y| Rgb([(x * 7 + y * 13) as u8; 3]));
        let figures = Figures::new(&subject, &noisy)?;
        assert!(figures.seam_steps[0] > 20.0, "{:?}", figures.seam_steps);
        assert!(four(&figures).iter().all(|&figure| figure < 15.0), "{:?}", four(&figures));
        Ok(())
    }

    #[test]
    fn the_inside_of_a_cup_is_unseen_and_a_ball_is_seen() -> Result<(), Box<dyn Error>> {
        let ball = crate::sphere(32, 32, |_, _| 1.0);
        let share = subject(&ball, |place: Vec3| place.to_array())?.seen_share();
        assert!(share > 0.999, "{share}");
        let share = subject(&shapes::cup(), |place: Vec3| place.to_array())?.seen_share();
        assert!((0.5..0.8).contains(&share), "{share}");
        Ok(())
    }

    #[test]
    fn psnr_follows_from_the_mean_squared_error() {
        assert_eq!(SquaredError::default().psnr(), None);
        assert_eq!(SquaredError::of([1.0; 3], [1.0; 3]).psnr(), Some(f64::INFINITY));
        assert_eq!(SquaredError::of([255.0; 3], [0.0; 3]).psnr(), Some(0.0));
        let sum = SquaredError::of([0.0; 3], [25.5; 3]) + SquaredError::of([25.5; 3], [0.0; 3]);
        assert!(sum.psnr().is_some_and(|psnr| (psnr - 20.0).abs() < 1e-9));
    }
}
