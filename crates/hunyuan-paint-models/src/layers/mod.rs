//! The layers that the networks share, with diffusers' names and keys.

mod attention;
mod conv;
mod feed_forward;
mod inputs;
mod linear;
mod resnet;
mod sampling;
mod time_embedding;
mod transformer;

pub(crate) use attention::{Attention, KeyValue};
pub(crate) use conv::{conv1x1, conv3x3, norm_silu};
pub(crate) use inputs::LayerInputs;
pub(crate) use resnet::{ResnetBlock2D, ResnetBlock2DConfig};
pub(crate) use sampling::{Downsample2D, Upsample2D};
pub(crate) use time_embedding::{TimestepEmbedding, timestep_features};
pub(crate) use transformer::{
    BasicTransformerBlock, BlockInputs, CrossView, Transformer2DModel, Transformer2DModelConfig,
};
