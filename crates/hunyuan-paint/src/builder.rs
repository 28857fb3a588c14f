use std::path::Path;

use hunyuan_paint_bake::Backend;
use hunyuan_paint_models::{
    LoadCallback, LoadOptions, MemoryBudget, MemoryPlan, Precision,
    folders::DELIGHT_FOLDER,
    pipelines::{InstructPix2PixPipeline, MultiviewPipeline},
};

use crate::{ComputeDevice, GeometryDevice, PaintError, PaintPipeline, PrecisionChoice, Variant};

/// Networks with more parameters than this take hours on a CPU: the published ones have 1,831 million, the demo's 9.
const CPU_PARAMETERS_MAX: u64 = 100_000_000;

/// Networks that always stay in memory: reloading them costs more than they take.
const SMALL_BYTES: u64 = 1 << 30;

/// Opens a [`PaintPipeline`]. What is not set is chosen automatically: the best device of this build and machine, its
/// precision, a memory plan that fits its memory, and a GPU for the geometry where there is one.
#[derive(Debug, Default)]
#[must_use]
pub struct PaintPipelineBuilder {
    variant: Variant,
    device: ComputeDevice,
    precision: PrecisionChoice,
    memory_plan: Option<MemoryPlan>,
    memory_limit: Option<u64>,
    geometry: GeometryDevice,
    backend: Option<Box<dyn Backend>>,
    on_load: Option<LoadCallback>,
    load_options: Option<LoadOptions>,
}

impl PaintPipelineBuilder {
    /// Chooses the paint model.
    pub fn variant(self, variant: Variant) -> Self {
        Self { variant, ..self }
    }

    /// Chooses where the networks run. `ComputeDevice::Cpu` also runs the published networks there, which takes hours.
    pub fn device(self, device: ComputeDevice) -> Self {
        Self { device, ..self }
    }

    /// Chooses the precision of the networks.
    pub fn precision(self, precision: PrecisionChoice) -> Self {
        Self { precision, ..self }
    }

    /// Chooses how long networks stay in memory.
    pub fn memory_plan(self, plan: MemoryPlan) -> Self {
        Self { memory_plan: Some(plan), ..self }
    }

    /// Limits the memory of the device in bytes. All pipelines on one device share one limit: the one that was set last.
    pub fn memory_limit(self, bytes: u64) -> Self {
        Self { memory_limit: Some(bytes), ..self }
    }

    /// Chooses where condition maps are rendered and views are baked. The bits are the same everywhere.
    pub fn geometry(self, geometry: GeometryDevice) -> Self {
        Self { geometry, ..self }
    }

    /// Renders condition maps and bakes with a backend of your own instead of a [`GeometryDevice`].
    pub fn backend(self, backend: impl Backend + 'static) -> Self {
        Self { backend: Some(Box::new(backend)), ..self }
    }

    /// Reports how far each weights file has been loaded.
    pub fn on_load(self, on_load: LoadCallback) -> Self {
        Self { on_load: Some(on_load), ..self }
    }

    /// Takes these options as they are, for a burn device of your own. They replace device, precision, memory plan,
    /// memory limit and `on_load`.
    pub fn load_options(self, options: LoadOptions) -> Self {
        Self { load_options: Some(options), ..self }
    }

    /// Opens the models of a local folder in the published layout: `hunyuan3d-paint-v2-0` or `hunyuan3d-paint-v2-0-turbo`, and
    /// `hunyuan3d-delight-v2-0`. Without the latter, only painting with `delight: None` works.
    ///
    /// # Errors
    /// If a folder or file is missing or malformed, weights do not fit their configuration, the device cannot be opened
    /// or has too little memory, or the device is an automatic choice, a CPU, and would take hours. Networks that are
    /// reloaded per stage are checked when they are loaded.
    pub fn from_pretrained(self, folder: impl AsRef<Path>) -> Result<PaintPipeline, PaintError> {
        let folder = folder.as_ref();
        let options = match &self.load_options {
            Some(options) => options.clone(),
            None => self.options_for(Sizes::of_folder(folder, self.variant)?)?,
        };
        PaintPipeline::from_folder(folder, self.variant, options, self.open_backend()?)
    }

    /// Opens the models of a Hugging Face repository. Downloads what the hub's cache lacks: the variant's model, and the
    /// delight model if the repository has it. The options' callbacks learn of the license before the first byte, and of
    /// the progress; both can stop it.
    ///
    /// # Errors
    /// If the hub cannot be reached and the cache is incomplete, the files are not what the hub stated, or the license is
    /// not accepted; otherwise as [`from_pretrained`](Self::from_pretrained).
    #[cfg(feature = "hub")]
    #[cfg_attr(docsrs, doc(cfg(feature = "hub")))]
    pub fn from_hub(
        self,
        repository: &hunyuan_paint_hub::RepoId,
        options: &hunyuan_paint_hub::HubOptions,
    ) -> Result<PaintPipeline, PaintError> {
        let folder = crate::hub_source::fetch(repository, self.variant, options)?;
        self.from_pretrained(folder)
    }

    /// Creates networks of the published size with random weights, which depend on the seed alone, to measure time and
    /// memory. They paint noise.
    ///
    /// # Errors
    /// If the device cannot be opened, has too little memory or does not compute in the precision, or is an automatic
    /// choice, a CPU, and would take hours.
    #[cfg(feature = "random-weights")]
    #[cfg_attr(docsrs, doc(cfg(feature = "random-weights")))]
    pub fn random(self, seed: u64) -> Result<PaintPipeline, PaintError> {
        let options = match &self.load_options {
            Some(options) => options.clone(),
            None => self.options_for(Sizes { multiview: 1_831_213_064, delight: 866_000_000 })?,
        };
        PaintPipeline::with_random_weights(self.variant, seed, options, self.open_backend()?)
    }

    /// Joins what was set with what suits networks of these sizes.
    fn options_for(&self, sizes: Sizes) -> Result<LoadOptions, PaintError> {
        let resolved = self.device.resolve();
        if self.device == ComputeDevice::Auto
            && resolved == ComputeDevice::Cpu
            && sizes.multiview > CPU_PARAMETERS_MAX
        {
            return Err(PaintError::TooSlowOnCpu {
                parameters: sizes.multiview,
                reason: ComputeDevice::why_no_gpu(),
            });
        }
        let options = resolved.load_options(self.precision)?;
        if let Some(bytes) = self.memory_limit {
            options.budget.set_total(bytes);
        }
        let plan = self.memory_plan.unwrap_or_else(|| memory_plan(sizes, options.precision, &options.budget));
        let options = options.with_memory_plan(plan);
        Ok(match &self.on_load {
            Some(on_load) => options.with_on_load(on_load.clone()),
            None => options,
        })
    }

    fn open_backend(self) -> Result<Box<dyn Backend>, PaintError> {
        self.backend.map_or_else(|| self.geometry.init(), Ok)
    }
}

/// Parameters of the networks of both models.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    multiview: u64,
    delight: u64,
}

impl Sizes {
    fn of_folder(folder: &Path, variant: Variant) -> Result<Self, PaintError> {
        let delight = folder.join(DELIGHT_FOLDER);
        Ok(Self {
            multiview: MultiviewPipeline::parameter_count(folder.join(variant.folder_name()))?,
            delight: match delight.is_dir() {
                true => InstructPix2PixPipeline::parameter_count(delight)?,
                false => 0,
            },
        })
    }
}

/// Keeps networks in memory if they are small, or take at most half of the device's known memory.
fn memory_plan(sizes: Sizes, precision: Precision, budget: &MemoryBudget) -> MemoryPlan {
    let bytes = (sizes.multiview + sizes.delight) * precision.dtype().size() as u64;
    let fits = budget.total() != u64::MAX && bytes <= budget.total() / 2;
    if bytes <= SMALL_BYTES.min(budget.total() / 2) || fits {
        MemoryPlan::Keep
    } else {
        MemoryPlan::ReloadPerStage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_plan_follows_size_and_memory() {
        let plan = |parameters, total| {
            let sizes = Sizes { multiview: parameters, delight: 0 };
            memory_plan(sizes, Precision::F16, &MemoryBudget::new(total))
        };
        let published = 2_900_000_000;
        assert_eq!(plan(published, 8 << 30), MemoryPlan::ReloadPerStage);
        assert_eq!(plan(published, 24 << 30), MemoryPlan::Keep);
        // Of unknown memory nothing large is promised.
        assert_eq!(plan(published, u64::MAX), MemoryPlan::ReloadPerStage);
        assert_eq!(plan(9_000_000, u64::MAX), MemoryPlan::Keep);
        assert_eq!(plan(9_000_000, 1 << 20), MemoryPlan::ReloadPerStage);
    }
}
