//! CLIP's text encoder (Radford et al. 2021, arXiv 2103.00020), as in transformers'
//! `CLIPTextModel`.

use std::path::Path;

use burn::{
    module::Module,
    nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig},
    tensor::{
        DType, Device, Int, Tensor, TensorData, activation, module::attention, ops::AttentionModuleOptions,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    LoadOptions, ModelError, Precision,
    config::{LAYERS_MAX, read_json, require, unsupported},
    weights::{self, KeyMap},
};

/// The activation of the feed-forward layers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HiddenAct {
    /// The exact GELU.
    Gelu,
    /// `x · sigmoid(1.702 x)`.
    QuickGelu,
}

/// transformers' configuration of a `CLIPTextModel`. Absent fields take transformers' defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct ClipTextConfig {
    /// Rows of the token embedding.
    pub vocab_size: usize,
    /// Width of the tokens.
    pub hidden_size: usize,
    /// Width of the feed-forward layers.
    pub intermediate_size: usize,
    /// Transformer layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Length of the longest sequence.
    pub max_position_embeddings: usize,
    /// Activation of the feed-forward layers.
    pub hidden_act: HiddenAct,
    /// Epsilon of the layer norms.
    pub layer_norm_eps: f64,
}

impl Default for ClipTextConfig {
    fn default() -> Self {
        Self {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: HiddenAct::QuickGelu,
            layer_norm_eps: 1e-5,
        }
    }
}

impl ClipTextConfig {
    /// Returns the configuration of Stable Diffusion 2.1's text encoder: `OpenCLIP`'s ViT-H without
    /// its last layer.
    pub fn sd21() -> Self {
        Self {
            hidden_size: 1024,
            intermediate_size: 4096,
            num_hidden_layers: 23,
            num_attention_heads: 16,
            hidden_act: HiddenAct::Gelu,
            ..Self::default()
        }
    }

    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// If the file is missing or malformed, or its sizes are inconsistent.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::from_json(read_json(path)?, path)
    }

    /// Reads and checks a parsed `config.json`. Errors name it by `path`.
    ///
    /// # Errors
    /// If the configuration is malformed, or its sizes are inconsistent.
    pub fn from_json(json: Value, path: &Path) -> Result<Self, ModelError> {
        require(path, &json, "model_type", &json!("clip_text_model"))?;
        let config: Self = serde_json::from_value(json)
            .map_err(|source| ModelError::Json { path: path.to_owned(), source })?;
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), ModelError> {
        for (field, value, max) in [
            ("vocab_size", self.vocab_size, 1 << 20),
            ("hidden_size", self.hidden_size, 1 << 20),
            ("intermediate_size", self.intermediate_size, 1 << 20),
            ("num_hidden_layers", self.num_hidden_layers, LAYERS_MAX),
            ("num_attention_heads", self.num_attention_heads, 1 << 20),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 20),
        ] {
            if !(1..=max).contains(&value) {
                return Err(unsupported(path, field, format!("1 to {max}"), value));
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let expected = format!("a divisor of hidden_size ({})", self.hidden_size);
            return Err(unsupported(path, "num_attention_heads", expected, self.num_attention_heads));
        }
        Ok(())
    }

    /// Creates the network with burn's random initial weights.
    ///
    /// # Errors
    /// If the sizes are inconsistent.
    pub fn init(&self, device: &Device) -> Result<ClipTextModel, ModelError> {
        self.check(Path::new("ClipTextConfig"))?;
        let embedding = |rows| EmbeddingConfig::new(rows, self.hidden_size).init(device);
        Ok(ClipTextModel {
            text_model: ClipTextTransformer {
                embeddings: ClipTextEmbeddings {
                    token_embedding: embedding(self.vocab_size),
                    position_embedding: embedding(self.max_position_embeddings),
                },
                encoder: ClipEncoder {
                    layers: (0..self.num_hidden_layers)
                        .map(|_| ClipEncoderLayer::new(self, device))
                        .collect(),
                },
                final_layer_norm: self.norm(device),
            },
        })
    }

    /// Loads the weights of a network with this configuration from a file.
    ///
    /// # Errors
    /// If the file cannot be read, or its keys or shapes do not match the network.
    pub fn load(&self, file: &Path, options: impl Into<LoadOptions>) -> Result<ClipTextModel, ModelError> {
        let options = options.into();
        weights::load(self.init(&options.device)?, file, KeyMap::Diffusers, &options)
    }

    fn norm(&self, device: &Device) -> LayerNorm {
        LayerNormConfig::new(self.hidden_size).with_epsilon(self.layer_norm_eps).init(device)
    }
}

/// transformers' `CLIPTextModel`.
#[derive(Module, Debug)]
pub struct ClipTextModel {
    text_model: ClipTextTransformer,
}

impl ClipTextModel {
    /// Converts the weights to another precision.
    ///
    /// # Errors
    /// If the network's device does not support the precision.
    pub fn with_precision(self, precision: Precision) -> Result<Self, ModelError> {
        precision.convert(self)
    }

    /// Encodes sequences of token ids of one length to the last hidden state `[B, T, C]`.
    ///
    /// # Errors
    /// If there is no token, the sequences differ in length or are too long, or an id is not in the
    /// vocabulary.
    pub fn forward(&self, input_ids: &[Vec<u32>], device: &Device) -> Result<Tensor<3>, ModelError> {
        let embeddings = &self.text_model.embeddings;
        let [vocabulary, _] = embeddings.token_embedding.weight.dims();
        let [positions, _] = embeddings.position_embedding.weight.dims();
        let length = input_ids.first().map_or(0, Vec::len);
        if length == 0 || length > positions || input_ids.iter().any(|ids| ids.len() != length) {
            let lengths: Vec<usize> = input_ids.iter().map(Vec::len).collect();
            let expected = format!("sequences of one length, 1 to {positions}");
            return Err(ModelError::input("input_ids", expected, format!("lengths {lengths:?}")));
        }
        if let Some(id) = input_ids.iter().flatten().find(|&&id| id as usize >= vocabulary) {
            return Err(ModelError::input("input_ids", format!("ids below {vocabulary}"), id));
        }
        let ids: Vec<i64> = input_ids.iter().flatten().map(|&id| i64::from(id)).collect();
        let ids = TensorData::new(ids, [input_ids.len(), length]);
        Ok(self.text_model.forward(Tensor::from_data(ids, device)).cast(DType::F32))
    }
}

#[derive(Module, Debug)]
struct ClipTextTransformer {
    embeddings: ClipTextEmbeddings,
    encoder: ClipEncoder,
    final_layer_norm: LayerNorm,
}

impl ClipTextTransformer {
    fn forward(&self, input_ids: Tensor<2, Int>) -> Tensor<3> {
        let x = self.embeddings.forward(input_ids);
        let x = self.encoder.layers.iter().fold(x, |x, layer| layer.forward(x));
        self.final_layer_norm.forward(x)
    }
}

#[derive(Module, Debug)]
struct ClipTextEmbeddings {
    token_embedding: Embedding,
    position_embedding: Embedding,
}

impl ClipTextEmbeddings {
    fn forward(&self, input_ids: Tensor<2, Int>) -> Tensor<3> {
        let length = input_ids.dims()[1];
        let positions = self.position_embedding.weight.val().narrow(0, 0, length);
        self.token_embedding.forward(input_ids) + positions.unsqueeze_dim(0)
    }
}

#[derive(Module, Debug)]
struct ClipEncoder {
    layers: Vec<ClipEncoderLayer>,
}

#[derive(Module, Debug)]
struct ClipEncoderLayer {
    layer_norm1: LayerNorm,
    self_attn: ClipAttention,
    layer_norm2: LayerNorm,
    mlp: ClipMlp,
}

impl ClipEncoderLayer {
    fn new(config: &ClipTextConfig, device: &Device) -> Self {
        let size = config.hidden_size;
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        Self {
            layer_norm1: config.norm(device),
            self_attn: ClipAttention {
                q_proj: linear(size, size),
                k_proj: linear(size, size),
                v_proj: linear(size, size),
                out_proj: linear(size, size),
                heads: config.num_attention_heads,
            },
            layer_norm2: config.norm(device),
            mlp: ClipMlp {
                fc1: linear(size, config.intermediate_size),
                fc2: linear(config.intermediate_size, size),
                quick_gelu: config.hidden_act == HiddenAct::QuickGelu,
            },
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.clone() + self.self_attn.forward(self.layer_norm1.forward(x));
        x.clone() + self.mlp.forward(self.layer_norm2.forward(x))
    }
}

/// Causal attention: a token attends to itself and to earlier tokens.
#[derive(Module, Debug)]
struct ClipAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: usize,
}

impl ClipAttention {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, sequence, channels] = x.dims();
        let heads = |projection: &Linear| {
            projection
                .forward(x.clone())
                .reshape([batch, sequence, self.heads, channels / self.heads])
                .swap_dims(1, 2)
        };
        let (query, key, value) = (heads(&self.q_proj), heads(&self.k_proj), heads(&self.v_proj));
        let attended = attention(
            query,
            key,
            value,
            None,
            None,
            AttentionModuleOptions { is_causal: true, ..Default::default() },
        );
        self.out_proj.forward(attended.swap_dims(1, 2).flatten(2, 3))
    }
}

#[derive(Module, Debug)]
struct ClipMlp {
    fc1: Linear,
    fc2: Linear,
    quick_gelu: bool,
}

impl ClipMlp {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.fc1.forward(x);
        let x =
            if self.quick_gelu { x.clone() * activation::sigmoid(x * 1.702) } else { activation::gelu(x) };
        self.fc2.forward(x)
    }
}
