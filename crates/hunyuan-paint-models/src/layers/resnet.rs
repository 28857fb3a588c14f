use burn::{
    module::Module,
    nn::{
        GroupNorm, GroupNormConfig, Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor},
};
use hunyuan_paint_kernels::{Conv3x3, Operation};

use super::{
    conv::{conv1x1, conv3x3, norm_silu},
    linear::linear,
};

/// The sizes of a [`ResnetBlock2D`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResnetBlock2DConfig {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    /// Width of the time embedding; `None` in autoencoders.
    pub(crate) time_channels: Option<usize>,
    pub(crate) groups: usize,
    pub(crate) eps: f64,
}

/// Two normalized 3×3 convolutions with a residual. The time embedding is added between them.
#[derive(Module, Debug)]
pub(crate) struct ResnetBlock2D {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
}

impl ResnetBlock2DConfig {
    pub(crate) fn init(&self, device: &Device) -> ResnetBlock2D {
        let Self { in_channels, out_channels, time_channels, groups, eps } = *self;
        let norm = |channels| GroupNormConfig::new(groups, channels).with_epsilon(eps).init(device);
        let conv3x3 = |from| {
            Conv2dConfig::new([from, out_channels], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        ResnetBlock2D {
            norm1: norm(in_channels),
            conv1: conv3x3(in_channels),
            time_emb_proj: time_channels.map(|time| LinearConfig::new(time, out_channels).init(device)),
            norm2: norm(out_channels),
            conv2: conv3x3(out_channels),
            conv_shortcut: (in_channels != out_channels)
                .then(|| Conv2dConfig::new([in_channels, out_channels], [1, 1]).init(device)),
        }
    }
}

impl ResnetBlock2D {
    /// Computes the channel biases for each timestep, `[T, C']`, from the time embeddings after
    /// SiLU, `[T, C]`. `None` if the block has no time projection.
    pub(crate) fn time_shift(&self, activated: Tensor<2>) -> Option<Tensor<2>> {
        let projection = self.time_emb_proj.as_ref()?;
        Some(linear(projection, activated.unsqueeze()).squeeze_dim(0))
    }

    /// `x [B, C, H, W]`, `shift [B, C']` or `[1, C']` (if the block has a time projection) →
    /// `[B, C', H, W]`.
    pub(crate) fn forward(&self, x: Tensor<4>, shift: Option<Tensor<2>>) -> Tensor<4> {
        let h = norm_silu(&self.norm1, x.clone());
        let h = Conv3x3 { channel_bias: shift, ..conv3x3(&self.conv1, h) }.run();
        let h = norm_silu(&self.norm2, h);
        let residual = match &self.conv_shortcut {
            Some(conv_shortcut) => conv1x1(conv_shortcut, x),
            None => x,
        };
        Conv3x3 { residual: Some(residual), ..conv3x3(&self.conv2, h) }.run()
    }
}
