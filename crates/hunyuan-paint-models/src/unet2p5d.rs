//! The 2.5-D UNet of Hunyuan3D-Paint (arXiv 2501.12202, section 4.3). One Stable Diffusion UNet
//! denoises all views of an object at once; a second one reads the reference images.

use std::path::Path;

use burn::{
    module::{Module, Param},
    nn::Initializer,
    tensor::{Device, Tensor, TensorData},
};

use crate::{
    LoadOptions, ModelError,
    layers::{CrossView, KeyValue, LayerInputs},
    unet2d_condition::{
        Conditioning, Extensions, TRANSFORMER_BLOCK, UNet2DConditionConfig, UNet2DConditionModel,
    },
    weights::{self, KeyMap},
};

/// Tokens of the learned text.
const TEXT_TOKENS: usize = 77;

/// diffusers' configuration of upstream's `UNet2p5DConditionModel`, which consists of two networks:
/// [`MultiviewUNet`] and [`ReferenceUNet`].
#[derive(Clone, Debug)]
pub struct UNet2p5DConditionConfig {
    /// The published `config.json`. It describes the reference UNet, which the main UNet extends.
    pub unet: UNet2DConditionConfig,
    /// Rows of the camera embedding for reference images. They are the first rows of the table.
    pub num_reference_embeddings: usize,
    /// Rows of the camera embedding for views.
    pub num_view_embeddings: usize,
}

impl UNet2p5DConditionConfig {
    /// Extends a UNet by the published camera embedding: 5 references and 44 views.
    pub fn new(unet: UNet2DConditionConfig) -> Self {
        Self { unet, num_reference_embeddings: 5, num_view_embeddings: 44 }
    }

    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// See [`UNet2DConditionConfig::read`].
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Ok(Self::new(UNet2DConditionConfig::read(path)?))
    }

    pub(crate) fn init_multiview(&self, device: &Device) -> Result<MultiviewUNet, ModelError> {
        self.unet.check(Path::new("UNet2p5DConditionConfig"))?;
        let extensions = Extensions {
            num_class_embeds: Some(self.num_reference_embeddings + self.num_view_embeddings),
            cross_view: true,
        };
        // The channels of latents, normals and positions are concatenated.
        let unet = UNet2DConditionConfig { in_channels: 3 * self.unet.in_channels, ..self.unet.clone() };
        Ok(MultiviewUNet {
            unet: unet.init_with(extensions, device),
            learned_text_clip_gen: self.init_text(device),
            num_reference_embeddings: self.num_reference_embeddings,
            num_view_embeddings: self.num_view_embeddings,
        })
    }

    pub(crate) fn init_reference(&self, device: &Device) -> Result<ReferenceUNet, ModelError> {
        self.unet.check(Path::new("UNet2p5DConditionConfig"))?;
        Ok(ReferenceUNet {
            unet_dual: self.unet.init_with(Extensions::default(), device),
            learned_text_clip_ref: self.init_text(device),
        })
    }

    fn init_text(&self, device: &Device) -> Param<Tensor<3>> {
        // Unlike `Param::from_tensor`, this allocates nothing until the weights are read.
        Initializer::Zeros.init([1, TEXT_TOKENS, self.unet.cross_attention_dim], device)
    }

    /// Loads the main network from the file that holds both.
    ///
    /// # Errors
    /// If the file cannot be read, or its keys or shapes do not match the network.
    pub fn load_multiview(
        &self,
        file: &Path,
        options: impl Into<LoadOptions>,
    ) -> Result<MultiviewUNet, ModelError> {
        let options = options.into();
        weights::load(self.init_multiview(&options.device)?, file, KeyMap::MultiviewUNet, &options)
    }

    /// Loads the reference network from the file that holds both.
    ///
    /// # Errors
    /// If the file cannot be read, or its keys or shapes do not match the network.
    pub fn load_reference(
        &self,
        file: &Path,
        options: impl Into<LoadOptions>,
    ) -> Result<ReferenceUNet, ModelError> {
        let options = options.into();
        weights::load(self.init_reference(&options.device)?, file, KeyMap::ReferenceUNet, &options)
    }
}

/// The main UNet and its learned text. It denoises all views of an object at once.
#[derive(Module, Debug)]
pub struct MultiviewUNet {
    unet: UNet2DConditionModel,
    learned_text_clip_gen: Param<Tensor<3>>,
    num_reference_embeddings: usize,
    num_view_embeddings: usize,
}

/// The reference UNet (`unet_dual`) and its learned text. It reads the reference images.
#[derive(Module, Debug)]
pub struct ReferenceUNet {
    unet_dual: UNet2DConditionModel,
    learned_text_clip_ref: Param<Tensor<3>>,
}

/// The inputs of every transformer block of the reference UNet: computed once, used in every step.
#[derive(Clone, Debug)]
pub struct ReferenceFeatures {
    /// For every block in the order of evaluation, `[1, references · S, C]`.
    tokens: Vec<Tensor<3>>,
}

/// The geometry of the views to paint.
#[derive(Clone, Debug)]
pub struct ViewConditions {
    /// Latents of the normal maps `[N, 4, h, w]`, scaled by the autoencoder's factor.
    pub normal_latents: Tensor<4>,
    /// Latents of the position maps `[N, 4, h, w]`, scaled by the autoencoder's factor.
    pub position_latents: Tensor<4>,
    /// The index of the trained view that is nearest to each camera, 0 to 43.
    pub view_indices: Vec<u32>,
}

/// A branch of classifier-free guidance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// Without text and reference images.
    Unconditional,
    /// With the learned text and the reference images.
    Conditional,
}

impl ReferenceUNet {
    /// Runs the network on the latents of the reference images, `[R, 4, h, w]`, at timestep 0.
    ///
    /// # Errors
    /// If the shape is wrong.
    pub fn encode_references(&self, ref_latents: Tensor<4>) -> Result<ReferenceFeatures, ModelError> {
        let [references, channels, height, width] = ref_latents.dims();
        if references == 0 || channels != self.unet_dual.in_channels() || height * width == 0 {
            let expected = format!("[R, {}, h, w]", self.unet_dual.in_channels());
            return Err(ModelError::input("ref_latents", expected, format!("{:?}", ref_latents.dims())));
        }
        let conditioning = self.unet_dual.condition(self.learned_text_clip_ref.val(), &[0.0], None)?;
        let mut stored = Vec::new();
        self.unet_dual.forward_step(ref_latents, 0, &conditioning, CrossView::Store(&mut stored))?;
        let join = |tokens: Tensor<3>| {
            let [references, sequence, channels] = tokens.dims();
            tokens.reshape([1, references * sequence, channels])
        };
        Ok(ReferenceFeatures { tokens: stored.into_iter().map(join).collect() })
    }
}

impl MultiviewUNet {
    /// Predicts the noise of all views for every branch of guidance.
    ///
    /// - `latents`: `[N, 4, h, w]`, scaled by the scheduler; all branches share them
    /// - returns `[branches · N, 4, h, w]`, branch by branch
    ///
    /// # Errors
    /// If a shape is wrong, the references do not come from a reference UNet of the same
    /// configuration, a view index is out of range, or there is no branch.
    pub fn forward(
        &self,
        latents: Tensor<4>,
        timestep: f64,
        conditions: &ViewConditions,
        references: &ReferenceFeatures,
        branches: &[Branch],
    ) -> Result<Tensor<4>, ModelError> {
        self.denoiser(&[timestep], conditions, references, branches)?.predict(latents, 0)
    }

    /// Computes everything that stays the same from step to step. `timesteps` are those of the
    /// steps, in order.
    ///
    /// # Errors
    /// See [`forward`](Self::forward).
    pub fn denoiser(
        &self,
        timesteps: &[f64],
        conditions: &ViewConditions,
        references: &ReferenceFeatures,
        branches: &[Branch],
    ) -> Result<MultiviewDenoiser<'_>, ModelError> {
        self.check(conditions, branches)?;
        let ViewConditions { normal_latents, position_latents, view_indices } = conditions;

        // 1. the rows of the camera embedding; the rows of the references come first
        let row = |&index: &u32| (index as usize + self.num_reference_embeddings) as i64;
        let rows: Vec<i64> = branches.iter().flat_map(|_| view_indices.iter().map(row)).collect();
        let count = rows.len();
        let class_labels = Tensor::from_data(TensorData::new(rows, [count]), &normal_latents.device());

        // 2. the learned text, or zeros
        let text = self.learned_text_clip_gen.val();
        let text_of = |branch: &Branch| match branch {
            Branch::Unconditional => text.zeros_like(),
            Branch::Conditional => text.clone(),
        };
        let text = Tensor::cat(branches.iter().map(text_of).collect(), 0);

        // 3. keys and values of the references
        let blocks = self.unet.transformer_blocks().count();
        if references.tokens.len() != blocks {
            let expected = format!("features of {blocks} transformer blocks");
            return Err(ModelError::input("references", expected, references.tokens.len()));
        }
        let blocks = self.unet.transformer_blocks().zip(&references.tokens);
        let references = blocks.map(|(block, tokens)| block.project_reference(tokens.clone()));
        Ok(MultiviewDenoiser {
            unet: &self.unet,
            conditioning: self.unet.condition(text, timesteps, Some(class_labels))?,
            references: references.collect::<Result<_, _>>()?,
            sees_reference: branches.iter().map(|branch| *branch == Branch::Conditional).collect(),
            geometry: Tensor::cat(vec![normal_latents.clone(), position_latents.clone()], 1),
        })
    }

    /// Returns the channels of latents, normals and positions, which are equal.
    fn latent_channels(&self) -> usize {
        self.unet.in_channels() / 3
    }

    fn check(&self, conditions: &ViewConditions, branches: &[Branch]) -> Result<(), ModelError> {
        let ViewConditions { normal_latents, position_latents, view_indices } = conditions;
        let dims = normal_latents.dims();
        let [views, channels, height, width] = dims;
        if views == 0 || channels != self.latent_channels() || height * width == 0 {
            let expected = format!("[N, {}, h, w]", self.latent_channels());
            return Err(ModelError::input("normal_latents", expected, format!("{dims:?}")));
        }
        if position_latents.dims() != dims {
            let found = format!("{:?}", position_latents.dims());
            return Err(ModelError::input("position_latents", format!("{dims:?}"), found));
        }
        if view_indices.len() != views {
            return Err(ModelError::input("view_indices", format!("{views} of them"), view_indices.len()));
        }
        if let Some(index) = view_indices.iter().find(|&&index| index as usize >= self.num_view_embeddings) {
            let expected = format!("below {}", self.num_view_embeddings);
            return Err(ModelError::input("view_indices", expected, index));
        }
        if branches.is_empty() {
            return Err(ModelError::input("branches", "at least one", "none"));
        }
        Ok(())
    }
}

/// A [`MultiviewUNet`] with everything that stays the same from step to step: keys and values of
/// the text and of the references, embeddings of timesteps and cameras, and the geometry.
#[derive(Debug)]
pub struct MultiviewDenoiser<'a> {
    unet: &'a UNet2DConditionModel,
    conditioning: Conditioning,
    /// For each transformer block: keys and values of the references.
    references: Vec<KeyValue>,
    /// For each branch: whether it attends to the references.
    sees_reference: Vec<bool>,
    /// Latents of normals and positions, `[N, 8, h, w]`.
    geometry: Tensor<4>,
}

impl MultiviewDenoiser<'_> {
    /// Predicts as [`MultiviewUNet::forward`] at the timestep of `step`, which counts from 0.
    ///
    /// # Errors
    /// If the latents' shape is wrong, or there is no such step.
    pub fn predict(&self, latents: Tensor<4>, step: usize) -> Result<Tensor<4>, ModelError> {
        let [num_views, channels, height, width] = self.geometry.dims();
        let expected = [num_views, channels / 2, height, width];
        if latents.dims() != expected {
            let found = format!("{:?}", latents.dims());
            return Err(ModelError::input("latents", format!("{expected:?}"), found));
        }
        let steps = self.conditioning.steps();
        if step >= steps {
            return Err(ModelError::input("step", format!("below {steps}"), step));
        }
        // Latents, normals and positions share the channels. Every branch gets the same sample.
        let sample = Tensor::cat(vec![latents, self.geometry.clone()], 1);
        let sample = sample.repeat_dim(0, self.sees_reference.len());
        let cross_view = CrossView::Attend {
            num_views,
            reference: LayerInputs::new("reference keys and values", TRANSFORMER_BLOCK, &self.references),
            sees_reference: &self.sees_reference,
        };
        self.unet.forward_step(sample, step, &self.conditioning, cross_view)
    }
}
