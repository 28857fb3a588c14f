use burn::tensor::{
    Tensor,
    module::{conv2d, interpolate},
    ops::{ConvOptions, InterpolateMode, InterpolateOptions},
};

use crate::Operation;
#[cfg(feature = "cubecl")]
use crate::{Linear, to_map, to_tokens};

/// The zero padding of a 3×3 convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Padding {
    /// One pixel on every side.
    Around,
    /// One pixel at the bottom and on the right.
    BottomRight,
}

impl Padding {
    /// Returns the number of padding rows above the map, and of columns to its left.
    pub(crate) fn leading(self) -> usize {
        match self {
            Self::Around => 1,
            Self::BottomRight => 0,
        }
    }
}

/// A 3×3 convolution, optionally with upsampling before it and additions after it.
#[derive(Clone, Debug)]
pub struct Conv3x3 {
    /// `[B, C, H, W]`.
    pub map: Tensor<4>,
    /// `[C', C, 3, 3]`.
    pub weight: Tensor<4>,
    /// `[C']`.
    pub bias: Option<Tensor<1>>,
    /// The step between neighborhoods, in pixels.
    pub stride: usize,
    /// The zero padding of the map.
    pub padding: Padding,
    /// Repeats every pixel to 2×2 before the convolution (nearest-neighbor upsampling).
    pub upsample2x: bool,
    /// Added to every pixel of an image, `[B, C']` or `[1, C']`: the embedding of the timestep.
    pub channel_bias: Option<Tensor<2>>,
    /// Added to the result, `[B, C', H', W']`.
    pub residual: Option<Tensor<4>>,
}

impl Conv3x3 {
    /// Creates a convolution with stride 1 and padding on every side, without upsampling, channel
    /// bias and residual.
    pub fn new(map: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Self {
        Self {
            map,
            weight,
            bias,
            stride: 1,
            padding: Padding::Around,
            upsample2x: false,
            channel_bias: None,
            residual: None,
        }
    }

    /// Returns the side of the result for a side of the map. `None` if the map is too small or the
    /// stride is 0.
    #[cfg(any(feature = "cubecl", feature = "flex"))]
    fn out_side(&self, side: usize) -> Option<usize> {
        let padded = side * if self.upsample2x { 2 } else { 1 } + self.padding.leading() + 1;
        Some(padded.checked_sub(3).filter(|_| side > 0)?.checked_div(self.stride)? + 1)
    }

    /// Returns the sum of the bias and the channel bias, `[1, C']` or `[B, C']`.
    #[cfg(any(feature = "cubecl", feature = "flex"))]
    fn joint_bias(&self) -> Option<Tensor<2>> {
        match (self.bias.clone(), self.channel_bias.clone()) {
            (Some(bias), Some(channel_bias)) => Some(channel_bias + bias.unsqueeze()),
            (bias, channel_bias) => bias.map(Tensor::unsqueeze).or(channel_bias),
        }
    }

    /// Returns the convolution as a matrix product.
    ///
    /// The kernels need multiples of channels and columns. Zeros fill them up, and `narrow` removes
    /// the columns of zeros again.
    #[cfg(feature = "cubecl")]
    fn gpu_product(&self) -> Option<crate::gpu::launch::Product> {
        use crate::gpu::{launch, optional, primitive};
        primitive(&self.map)?;
        let bias = self.joint_bias();
        let residual = optional(self.residual.as_ref())?;
        let [columns, channels, ..] = self.weight.dims();
        let missing = |count: usize, unit: usize| count.next_multiple_of(unit) - count;
        let missing_channels = missing(channels, launch::CHANNEL_MULTIPLE);
        let missing_columns = missing(columns, launch::COLUMN_MULTIPLE);
        if missing_columns > 0 && residual.is_some() {
            return None;
        }
        let map = extend(self.map.clone(), 1, missing_channels);
        let weight = extend(extend(self.weight.clone(), 1, missing_channels), 0, missing_columns);
        let bias = bias.map(|bias| extend(bias, 1, missing_columns));
        let [.., height, width] = map.dims();
        let out = [self.out_side(height)?, self.out_side(width)?];
        let epilogue = launch::EpilogueOperands { bias: optional(bias.as_ref())?, residual, gated: false };
        let source = launch::Source::Map {
            stride: self.stride as u32,
            padding: self.padding.leading() as u32,
            upsample2x: self.upsample2x,
        };
        launch::Product::conv3x3(primitive(&map)?, primitive(&weight)?, epilogue, source, out)
    }
}

impl Operation for Conv3x3 {
    /// `[B, C', H', W']`.
    type Output = Tensor<4>;

    #[cfg(feature = "cubecl")]
    fn gpu_kernel_name(&self) -> Option<&'static str> {
        self.gpu_product()?.kernel_name()
    }

    #[cfg(feature = "flex")]
    fn cpu_kernel_name(&self) -> Option<&'static str> {
        use crate::cpu::{KERNEL_NAME, are_cpu_f32, is_cpu_f32};
        let [batch, channels, height, width] = self.map.dims();
        let [out_channels, weight_channels, ..] = self.weight.dims();
        let fits = weight_channels == channels
            && batch * channels * out_channels > 0
            && self.out_side(height).is_some()
            && self.out_side(width).is_some()
            && is_cpu_f32(&self.map)
            && is_cpu_f32(&self.weight)
            && are_cpu_f32(&self.bias)
            && are_cpu_f32(&self.channel_bias)
            && are_cpu_f32(&self.residual);
        fits.then_some(KERNEL_NAME)
    }

    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<4>> {
        let out = self.gpu_product()?.run().map(crate::gpu::tensor::<4>)?;
        let columns = self.weight.dims()[0];
        Some(if out.dims()[1] > columns { out.narrow(1, 0, columns) } else { out })
    }

    #[cfg(feature = "flex")]
    fn on_cpu(&self) -> Option<Tensor<4>> {
        use crate::cpu::{ConvShape, FlexSlice, conv3x3, tensor};
        self.cpu_kernel_name()?;
        let [batch, channels, height, width] = self.map.dims();
        let shape = ConvShape {
            batch,
            height,
            width,
            channels,
            out_channels: self.weight.dims()[0],
            stride: self.stride,
            leading: self.padding.leading(),
            upsample2x: self.upsample2x,
            out: [self.out_side(height)?, self.out_side(width)?],
        };
        let map = FlexSlice::of(&self.map.clone().permute([0, 2, 3, 1]))?;
        let weight = FlexSlice::of(&self.weight.clone().permute([2, 3, 1, 0]))?;
        let bias = FlexSlice::of_optional(self.joint_bias().as_ref())?;
        let residual = self.residual.clone().map(|residual| residual.permute([0, 2, 3, 1]));
        let residual = FlexSlice::of_optional(residual.as_ref())?;
        let out = conv3x3(
            map.as_slice(),
            weight.as_slice(),
            bias.as_ref().map(FlexSlice::as_slice),
            residual.as_ref().map(FlexSlice::as_slice),
            &shape,
        );
        let [out_height, out_width] = shape.out;
        let out = tensor(out, [batch, out_height, out_width, shape.out_channels], &self.map.device());
        Some(out.permute([0, 3, 1, 2]))
    }

    fn reference(self) -> Tensor<4> {
        let mut map = self.map;
        if self.upsample2x {
            let [_, _, height, width] = map.dims();
            let size = [2 * height, 2 * width];
            let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size(size);
            map = interpolate(map, options);
        }
        let padding = (self.padding.leading(), 1);
        let options = ConvOptions::new_with_padding([self.stride; 2], [padding; 2], [1, 1], 1);
        let mut map = conv2d(map, self.weight, self.bias, options);
        if let Some(channel_bias) = self.channel_bias {
            let [batch, channels] = channel_bias.dims();
            map = map + channel_bias.reshape([batch, channels, 1, 1]);
        }
        match self.residual {
            Some(residual) => residual + map,
            None => map,
        }
    }
}

/// Appends `count` zeros along dimension `dim`.
#[cfg(feature = "cubecl")]
fn extend<const D: usize>(x: Tensor<D>, dim: usize, count: usize) -> Tensor<D> {
    if count == 0 {
        return x;
    }
    let mut shape = x.dims();
    shape[dim] = count;
    let zeros = Tensor::zeros(shape, (&x.device(), x.dtype()));
    Tensor::cat(vec![x, zeros], dim)
}

/// A 1×1 convolution.
#[derive(Clone, Debug)]
pub struct Conv1x1 {
    /// `[B, C, H, W]`.
    pub map: Tensor<4>,
    /// `[C', C, 1, 1]`.
    pub weight: Tensor<4>,
    /// `[C']`.
    pub bias: Option<Tensor<1>>,
}

impl Conv1x1 {
    /// Returns the convolution as a linear layer over the pixels.
    #[cfg(feature = "cubecl")]
    fn gpu_linear(&self) -> Option<Linear> {
        crate::gpu::primitive(&self.map)?;
        let [columns, channels, ..] = self.weight.dims();
        let weight = self.weight.clone().reshape([columns, channels]).transpose();
        Some(Linear::new(to_tokens(self.map.clone()), weight, self.bias.clone()))
    }
}

impl Operation for Conv1x1 {
    /// `[B, C', H, W]`.
    type Output = Tensor<4>;

    #[cfg(feature = "cubecl")]
    fn gpu_kernel_name(&self) -> Option<&'static str> {
        self.gpu_linear()?.gpu_kernel_name()
    }

    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<4>> {
        let [_, _, height, width] = self.map.dims();
        Some(to_map(self.gpu_linear()?.on_gpu()?, height, width))
    }

    fn reference(self) -> Tensor<4> {
        conv2d(self.map, self.weight, self.bias, ConvOptions::new([1, 1], [0, 0], [1, 1], 1))
    }
}
