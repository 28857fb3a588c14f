use hunyuan_paint_bake::{AutomaticViews, BakeOptions};
use hunyuan_paint_mesh::{CameraView, DEFAULT_VIEWS, UnwrapOptions, UvMode, UvQuality, validate_views};
use hunyuan_paint_models::{
    folders,
    pipelines::{InstructPix2PixOptions, MultiviewOptions},
};
use hunyuan_paint_scheduler::random::GeneratorKind;

use crate::{PaintError, check::check_size, stages::Surface};

/// Which of the published paint models.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "lowercase", parse_err_fn = unknown_variant, parse_err_ty = PaintError)]
#[non_exhaustive]
pub enum Variant {
    /// `hunyuan3d-paint-v2-0`: 30 steps with guidance.
    #[default]
    Standard,
    /// `hunyuan3d-paint-v2-0-turbo`: 10 steps without.
    Turbo,
}

impl Variant {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The folder of its weights in the published layout.
    pub fn folder_name(self) -> &'static str {
        match self {
            Self::Standard => folders::PAINT_FOLDER,
            Self::Turbo => folders::PAINT_TURBO_FOLDER,
        }
    }

    /// How the original denoises with it.
    pub fn multiview_options(self) -> MultiviewOptions {
        match self {
            Self::Standard => MultiviewOptions::standard(),
            Self::Turbo => MultiviewOptions::turbo(),
        }
    }
}

fn unknown_variant(name: &str) -> PaintError {
    PaintError::option("variant", "standard or turbo", name)
}

/// How light and shadow are removed from the reference images.
#[derive(Clone, Debug, PartialEq)]
pub struct DelightOptions {
    /// The seed of every image's run; the original's is 42.
    pub seed: u64,
    /// Text, scheduler, steps and guidance.
    pub pipeline: InstructPix2PixOptions,
    /// Whether the result is given the mean and the contrast that the image had, as in the original. It undoes what a
    /// model got right that knows how bright a surface is without light.
    pub correct_colors: bool,
}

impl Default for DelightOptions {
    fn default() -> Self {
        Self { seed: 42, pipeline: InstructPix2PixOptions::default(), correct_colors: true }
    }
}

/// How to paint. The defaults are the original's, but for the random generator.
#[derive(Clone, Debug, PartialEq)]
pub struct PaintOptions {
    /// The seed of the views.
    pub seed: u64,
    /// Where random numbers come from: `Philox`, or one of PyTorch's to repeat a run made in Python.
    pub generator: GeneratorKind,
    /// Cameras and their weights in the texture, the important ones first. The model is given the nearest of the 44
    /// places that it was trained on.
    pub views: Vec<CameraView>,
    /// Whether cameras are added for what these do not see, and how many. The cost of the views grows with the
    /// square of their number.
    pub automatic_views: Option<AutomaticViews>,
    /// How the reference images lose their light and shadow; `None` takes them as they are.
    pub delight: Option<DelightOptions>,
    /// Scheduler, steps and guidance of the views; `None` takes those of the pipeline's variant.
    pub multiview: Option<MultiviewOptions>,
    /// Side of the painted views in pixels; `None` takes the size that the model was trained with.
    pub view_size: Option<u32>,
    /// Side of the condition maps and of the views when they are baked, in pixels.
    pub render_size: u32,
    /// Side of the texture in texels.
    pub texture_size: u32,
    /// Whether to keep the mesh's own UVs.
    pub uv: UvMode,
    /// With [`UvMode::Auto`], the share of the texture, 0 to 1, up to which the mesh's own UVs may overlap.
    pub uv_overlap_max: f32,
    /// How many triangles the mesh is simplified to before it gets new UVs; `None` leaves it as it is. Above a million,
    /// unwrapping takes long.
    pub simplify_to: Option<usize>,
    /// How views become a texture.
    pub bake: BakeOptions,
}

impl Default for PaintOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            generator: GeneratorKind::default(),
            views: DEFAULT_VIEWS.to_vec(),
            automatic_views: None,
            delight: Some(DelightOptions::default()),
            multiview: None,
            view_size: None,
            render_size: 2048,
            texture_size: 2048,
            uv: UvMode::Auto,
            uv_overlap_max: UvQuality::OVERLAP_MAX,
            simplify_to: None,
            bake: BakeOptions::default(),
        }
    }
}

impl PaintOptions {
    /// What suits the small demo checkpoint of this library's repository: the turbo model's schedule, with the one model that
    /// there is; 20 steps of delight, and its colors as they come.
    pub fn demo() -> Self {
        let mut delight = DelightOptions { correct_colors: false, ..DelightOptions::default() };
        delight.pipeline.denoise.num_inference_steps = 20;
        Self { delight: Some(delight), multiview: Some(MultiviewOptions::turbo()), ..Self::default() }
    }

    /// Checks the ranges of all options. [`PaintPipeline::check`](crate::PaintPipeline::check) also checks them against the
    /// networks.
    ///
    /// # Errors
    /// If an option is out of range, or the camera list is invalid.
    pub fn validate(&self) -> Result<(), PaintError> {
        check_size("render_size", self.render_size)?;
        check_size("texture_size", self.texture_size)?;
        if let Some(view_size) = self.view_size {
            check_size("view_size", view_size)?;
        }
        self.unwrap_options().validate()?;
        if let Some(delight) = &self.delight {
            delight.pipeline.validate()?;
        }
        if let Some(multiview) = &self.multiview {
            multiview.validate()?;
        }
        self.bake.validate()?;
        if let Some(automatic) = &self.automatic_views {
            automatic.validate()?;
        }
        Ok(validate_views(&self.views)?)
    }

    /// How the mesh gets its UVs.
    pub fn unwrap_options(&self) -> UnwrapOptions {
        UnwrapOptions {
            overlap_max: self.uv_overlap_max,
            simplify_to: self.simplify_to,
            ..UnwrapOptions::new(self.texture_size)
        }
    }

    /// The cameras for a surface: those of the options, and those that are added for it.
    ///
    /// # Errors
    /// If an option is out of range.
    pub fn choose_views(&self, surface: &Surface) -> Result<Vec<CameraView>, PaintError> {
        Ok(match &self.automatic_views {
            Some(automatic) => automatic.choose(&surface.canonical_mesh, &self.views, &self.bake)?,
            None => self.views.clone(),
        })
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test fails where it finds no error")]
mod tests {
    use super::*;

    #[test]
    fn options_that_would_fail_late_are_refused() {
        type Set = fn(&mut PaintOptions);
        let bad: [(&str, Set); 9] = [
            ("texture_size", |o| o.texture_size = 8),
            ("simplify_to", |o| o.simplify_to = Some(0)),
            ("overlap_max", |o| o.uv_overlap_max = -1.0),
            ("eta", |o| o.multiview.get_or_insert_with(MultiviewOptions::standard).denoise.eta = 2.0),
            ("num_inference_steps", |o| {
                o.multiview.get_or_insert_with(MultiviewOptions::turbo).denoise.num_inference_steps = 40;
            }),
            ("guidance_scale", |o| {
                o.multiview.get_or_insert_with(MultiviewOptions::standard).denoise.guidance_scale = f32::NAN;
            }),
            ("image_guidance_scale", |o| {
                o.delight.get_or_insert_default().pipeline.image_guidance_scale = f32::INFINITY;
            }),
            ("view_angle_max_degrees", |o| o.bake.view_angle_max_degrees = 91.0),
            ("camera", |o| o.views.clear()),
        ];
        for (name, set) in bad {
            let mut options = PaintOptions::default();
            set(&mut options);
            let error = options.validate().expect_err(name).to_string();
            assert!(error.contains(name), "{name}: {error}");
        }
    }

    #[test]
    fn sizes_of_zero_and_beyond_the_limit_are_refused() {
        for size in [0, 16_385, u32::MAX] {
            for set in [
                (|o, s| o.render_size = s) as fn(&mut PaintOptions, u32),
                |o, s| o.texture_size = s,
                |o, s| o.view_size = Some(s),
            ] {
                let mut options = PaintOptions::default();
                set(&mut options, size);
                assert!(matches!(options.validate(), Err(PaintError::Option { .. })));
            }
        }
        assert!(PaintOptions::default().validate().is_ok());
        assert!(PaintOptions { views: vec![], ..PaintOptions::default() }.validate().is_err());
    }
}
