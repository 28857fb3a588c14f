//! The layers that the networks share, named and keyed as in diffusers.

mod attention;
mod feed_forward;
mod resnet;
mod sampling;
mod time_embedding;
mod transformer;

pub(crate) use attention::{Attention, scaled_dot_product_attention};
pub(crate) use resnet::{ResnetBlock2D, ResnetBlock2DConfig};
pub(crate) use sampling::{Downsample2D, DownsamplePadding, Upsample2D};
pub(crate) use time_embedding::{TimestepEmbedding, timestep_features};
pub(crate) use transformer::{CrossView, Transformer2DModel, Transformer2DModelConfig, TransformerInputs};
