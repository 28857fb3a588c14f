use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    ModelError,
    config::{LAYERS_MAX, PerBlock, check_levels, read_json, require, unsupported},
};

/// A down block of the UNet.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownBlockType {
    /// Residual blocks, each followed by transformer blocks.
    CrossAttnDownBlock2D,
    /// Residual blocks only.
    DownBlock2D,
}

/// An up block of the UNet.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpBlockType {
    /// Residual blocks, each followed by transformer blocks.
    CrossAttnUpBlock2D,
    /// Residual blocks only.
    UpBlock2D,
}

/// diffusers' configuration of a `UNet2DConditionModel`. Absent fields take diffusers' defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct UNet2DConditionConfig {
    /// Height and width of the latents that the network was trained with.
    pub sample_size: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// The down blocks, outermost level first.
    pub down_block_types: Vec<DownBlockType>,
    /// The up blocks, innermost level first.
    pub up_block_types: Vec<UpBlockType>,
    /// Channels of every level, outermost first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of each down block. Up blocks have one more.
    pub layers_per_block: PerBlock,
    /// Transformer blocks after each residual block.
    pub transformer_layers_per_block: PerBlock,
    /// Width of the text tokens.
    pub cross_attention_dim: usize,
    /// The number of attention heads of each level. diffusers' name is misleading.
    pub attention_head_dim: PerBlock,
    /// The number of attention heads of each level. Overrides `attention_head_dim`.
    pub num_attention_heads: Option<PerBlock>,
    /// Whether the transformers' projections are linear layers; otherwise 1×1 convolutions.
    pub use_linear_projection: bool,
    /// Groups of the group norms.
    pub norm_num_groups: usize,
    /// Epsilon of the residual blocks' group norms.
    pub norm_eps: f64,
}

impl Default for UNet2DConditionConfig {
    fn default() -> Self {
        use {DownBlockType as Down, UpBlockType as Up};
        Self {
            sample_size: 64,
            in_channels: 4,
            out_channels: 4,
            down_block_types: vec![
                Down::CrossAttnDownBlock2D,
                Down::CrossAttnDownBlock2D,
                Down::CrossAttnDownBlock2D,
                Down::DownBlock2D,
            ],
            up_block_types: vec![
                Up::UpBlock2D,
                Up::CrossAttnUpBlock2D,
                Up::CrossAttnUpBlock2D,
                Up::CrossAttnUpBlock2D,
            ],
            block_out_channels: vec![320, 640, 1280, 1280],
            layers_per_block: PerBlock::All(2),
            transformer_layers_per_block: PerBlock::All(1),
            cross_attention_dim: 1280,
            attention_head_dim: PerBlock::All(8),
            num_attention_heads: None,
            use_linear_projection: false,
            norm_num_groups: 32,
            norm_eps: 1e-5,
        }
    }
}

impl UNet2DConditionConfig {
    /// Returns the configuration of Stable Diffusion 2.1, which Hunyuan3D's networks share: 866
    /// million parameters.
    pub fn sd21() -> Self {
        Self {
            cross_attention_dim: 1024,
            attention_head_dim: PerBlock::Each(vec![5, 10, 20, 20]),
            use_linear_projection: true,
            ..Self::default()
        }
    }

    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// If the file is missing or malformed, or asks for an unsupported variant of the network.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::from_json(read_json(path)?, path)
    }

    /// Reads and checks a parsed `config.json`. Errors name it by `path`.
    ///
    /// # Errors
    /// If the configuration is malformed, or asks for an unsupported variant of the network.
    pub fn from_json(json: Value, path: &Path) -> Result<Self, ModelError> {
        for (field, supported) in [
            ("act_fn", json!("silu")),
            ("mid_block_type", json!("UNetMidBlock2DCrossAttn")),
            ("time_embedding_type", json!("positional")),
            ("resnet_time_scale_shift", json!("default")),
            ("attention_type", json!("default")),
            ("conv_in_kernel", json!(3)),
            ("conv_out_kernel", json!(3)),
            ("downsample_padding", json!(1)),
            ("flip_sin_to_cos", json!(true)),
            ("center_input_sample", json!(false)),
            ("dual_cross_attention", json!(false)),
            ("only_cross_attention", json!(false)),
            ("resnet_skip_time_act", json!(false)),
            ("class_embeddings_concat", json!(false)),
        ] {
            require(path, &json, field, &supported)?;
        }
        for (field, neutral) in
            [("freq_shift", 0.0), ("resnet_out_scale_factor", 1.0), ("mid_block_scale_factor", 1.0)]
        {
            match json.get(field).and_then(Value::as_f64) {
                Some(found) if found != neutral => return Err(unsupported(path, field, neutral, found)),
                _ => {}
            }
        }
        for field in [
            "addition_embed_type",
            "class_embed_type",
            "cross_attention_norm",
            "encoder_hid_dim",
            "encoder_hid_dim_type",
            "mid_block_only_cross_attention",
            "num_class_embeds",
            "reverse_transformer_layers_per_block",
            "time_cond_proj_dim",
            "time_embedding_act_fn",
            "time_embedding_dim",
            "timestep_post_act",
        ] {
            require(path, &json, field, &Value::Null)?;
        }
        let without_nulls = match json {
            Value::Object(fields) => fields.into_iter().filter(|(_, v)| !v.is_null()).collect(),
            other => other,
        };
        let config: Self = serde_json::from_value(without_nulls)
            .map_err(|source| ModelError::Json { path: path.to_owned(), source })?;
        config.check(path)?;
        Ok(config)
    }

    /// Checks that the sizes are supported and consistent.
    pub(crate) fn check(&self, path: &Path) -> Result<(), ModelError> {
        let blocks = [
            ("down_block_types", self.down_block_types.len()),
            ("up_block_types", self.up_block_types.len()),
        ];
        check_levels(path, &self.block_out_channels, self.norm_num_groups, blocks)?;
        let levels = self.block_out_channels.len();
        for (field, value) in [
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("cross_attention_dim", self.cross_attention_dim),
            ("sample_size", self.sample_size),
        ] {
            if value == 0 || value > 1 << 16 {
                return Err(unsupported(path, field, "1 to 65536", value));
            }
        }
        for (field, value, max) in [
            ("layers_per_block", &self.layers_per_block, LAYERS_MAX),
            ("transformer_layers_per_block", &self.transformer_layers_per_block, LAYERS_MAX),
            ("attention_head_dim", self.heads(), 1 << 12),
        ] {
            let values = value.expand(levels).unwrap_or_default();
            if values.is_empty() || values.iter().any(|v| !(1..=max).contains(v)) {
                let expected = format!("one number of 1 to {max}, or {levels} of them");
                return Err(unsupported(path, field, expected, format!("{value:?}")));
            }
        }
        let heads = self.heads().expand(levels).unwrap_or_default();
        for (channels, heads) in self.block_out_channels.iter().zip(heads) {
            if channels % heads != 0 {
                let expected = format!("a divisor of {channels} channels");
                return Err(unsupported(path, "attention_head_dim", expected, heads));
            }
        }
        Ok(())
    }

    /// Returns the attention heads of each level.
    pub(crate) fn heads(&self) -> &PerBlock {
        self.num_attention_heads.as_ref().unwrap_or(&self.attention_head_dim)
    }

    /// Returns how often the sample is halved. If its height and width are multiples of 2 to this
    /// power, the skip connections meet without resampling.
    pub fn num_halvings(&self) -> usize {
        self.block_out_channels.len() - 1
    }
}
