use std::error::Error;

use hunyuan_paint_testkit::{
    devices::{DeviceFixture, Randomness, Run, Scene, StepTrace},
    image_metrics::{ImageDifferences, compare_images, compare_values, correlation, edge_strength},
};
use image::RgbImage;

/// One run on two devices.
pub(crate) struct Divergence {
    pub(crate) run: Run,
    pub(crate) randomness: Randomness,
    /// After every step: the root mean square of the latents' difference over that of the first device's latents.
    pub(crate) per_step: Vec<f64>,
    /// The first device's and the second device's.
    pub(crate) images: [Vec<RgbImage>; 2],
    /// Differences of the second device's images from the first's.
    pub(crate) differences: ImageDifferences,
    /// The mean over the images, for each device.
    pub(crate) edge_strength: [f64; 2],
}

impl Divergence {
    pub(crate) fn measure(
        benches: [&DeviceFixture; 2],
        scene: &Scene,
        run: Run,
        randomness: Randomness,
        seed: u64,
    ) -> Result<Self, Box<dyn Error>> {
        let trace = |bench: &DeviceFixture| run.trace(bench, scene, randomness.init(bench, seed));
        let ((steps, images), (other_steps, other_images)) = (trace(benches[0])?, trace(benches[1])?);
        let pairs = steps.iter().zip(&other_steps);
        let per_step = pairs
            .map(|(a, b)| Ok(compare_values(&a.prev_sample, &b.prev_sample)?.relative_rms))
            .collect::<Result<_, Box<dyn Error>>>()?;
        let differences = compare_images(&images, &other_images)?;
        let images = [images, other_images];
        let edge_strength = [0, 1].map(|i| mean(images[i].iter().map(edge_strength)));
        Ok(Self { run, randomness, per_step, images, differences, edge_strength })
    }
}

/// How the noise of a run correlates with the latents that it is added to.
pub(crate) struct Correlation {
    pub(crate) run: Run,
    pub(crate) randomness: Randomness,
    /// Device and precision.
    pub(crate) place: String,
    /// Pearson's correlation of each step's latents with the noise that it adds.
    pub(crate) per_step: Vec<f64>,
    /// The standard deviation of the latents after the first step.
    pub(crate) deviation_after_first: f64,
}

impl Correlation {
    /// Runs the scheduler; returns `None` if it adds no noise.
    pub(crate) fn measure(
        bench: &DeviceFixture,
        scene: &Scene,
        run: Run,
        randomness: Randomness,
        seed: u64,
    ) -> Result<Option<Self>, Box<dyn Error>> {
        let (steps, _) = run.trace(bench, scene, randomness.init(bench, seed))?;
        let of_step = |step: &StepTrace| step.noise.as_ref().map(|noise| correlation(&step.sample, noise));
        let per_step = steps.iter().filter_map(of_step).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = steps.first().filter(|_| !per_step.is_empty()) else { return Ok(None) };
        let squares = mean(first.prev_sample.iter().map(|&x| f64::from(x) * f64::from(x)));
        let average = mean(first.prev_sample.iter().map(|&x| f64::from(x)));
        let deviation_after_first = (squares - average * average).sqrt();
        Ok(Some(Self { run, randomness, place: bench.name(), per_step, deviation_after_first }))
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}
