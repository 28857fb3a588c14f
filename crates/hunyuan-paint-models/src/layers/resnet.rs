use burn::{
    module::Module,
    nn::{
        GroupNorm, GroupNormConfig, Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor, activation::silu},
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

/// Two normalised 3×3 convolutions around an added time embedding, and a residual.
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
    /// `x [B, C, H, W]`, `temb [B, T]` (where the block has a time projection) → `[B, C', H, W]`.
    pub(crate) fn forward(&self, x: Tensor<4>, temb: Option<Tensor<2>>) -> Tensor<4> {
        let mut h = self.conv1.forward(silu(self.norm1.forward(x.clone())));
        if let (Some(time_emb_proj), Some(temb)) = (&self.time_emb_proj, temb) {
            let temb = time_emb_proj.forward(silu(temb));
            let [batch, channels] = temb.dims();
            h = h + temb.reshape([batch, channels, 1, 1]);
        }
        let h = self.conv2.forward(silu(self.norm2.forward(h)));
        let residual = match &self.conv_shortcut {
            Some(conv_shortcut) => conv_shortcut.forward(x),
            None => x,
        };
        residual + h
    }
}
