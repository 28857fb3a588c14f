use burn::{
    module::Module,
    nn::{
        PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{
        Device, Tensor,
        module::interpolate,
        ops::{InterpolateMode, InterpolateOptions},
    },
};

/// Where a halving convolution is padded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DownsamplePadding {
    /// One pixel on every side: the UNets.
    Symmetric,
    /// One pixel at the bottom and on the right: the autoencoder's encoder.
    BottomRight,
}

/// Halves the image with a 3×3 convolution of stride 2.
#[derive(Module, Debug)]
pub(crate) struct Downsample2D {
    conv: Conv2d,
}

impl Downsample2D {
    pub(crate) fn new(channels: usize, padding: DownsamplePadding, device: &Device) -> Self {
        let padding = match padding {
            DownsamplePadding::Symmetric => PaddingConfig2d::Explicit(1, 1, 1, 1),
            DownsamplePadding::BottomRight => PaddingConfig2d::Explicit(0, 0, 1, 1),
        };
        let conv = Conv2dConfig::new([channels, channels], [3, 3]).with_stride([2, 2]).with_padding(padding);
        Self { conv: conv.init(device) }
    }

    /// `[B, C, H, W]` → `[B, C, ⌈H/2⌉, ⌈W/2⌉]` (`⌊⌋` with padding at the bottom right).
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv.forward(x)
    }
}

/// Enlarges by repeating pixels, then convolves 3×3.
#[derive(Module, Debug)]
pub(crate) struct Upsample2D {
    conv: Conv2d,
}

impl Upsample2D {
    pub(crate) fn new(channels: usize, device: &Device) -> Self {
        let conv = Conv2dConfig::new([channels, channels], [3, 3])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
        Self { conv: conv.init(device) }
    }

    /// `[B, C, h, w]` → `[B, C, H, W]` for `size = [H, W]`.
    pub(crate) fn forward(&self, x: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size(size);
        self.conv.forward(interpolate(x, options))
    }
}
