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
use hunyuan_paint_kernels::{Conv3x3, Operation, Padding};

use super::conv::conv3x3;

/// Halves a feature map with a 3×3 convolution of stride 2.
#[derive(Module, Debug)]
pub(crate) struct Downsample2D {
    conv: Conv2d,
    pads_before: bool,
}

impl Downsample2D {
    pub(crate) fn new(channels: usize, padding: Padding, device: &Device) -> Self {
        let conv = Conv2dConfig::new([channels, channels], [3, 3]).with_stride([2, 2]);
        Self { conv: conv.init(device), pads_before: padding == Padding::Around }
    }

    /// `[B, C, H, W]` → `[B, C, ⌈H/2⌉, ⌈W/2⌉]`. Sides are rounded down with
    /// [`Padding::BottomRight`].
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let padding = if self.pads_before { Padding::Around } else { Padding::BottomRight };
        Conv3x3 { stride: 2, padding, ..conv3x3(&self.conv, x) }.run()
    }
}

/// Enlarges a feature map by repeating pixels, then applies a 3×3 convolution.
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
        let [_, _, height, width] = x.dims();
        if size == [2 * height, 2 * width] {
            return Conv3x3 { upsample2x: true, ..conv3x3(&self.conv, x) }.run();
        }
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size(size);
        conv3x3(&self.conv, interpolate(x, options)).run()
    }
}
