use burn::tensor::{
    Tensor,
    module::{conv2d, interpolate},
    ops::{ConvOptions, InterpolateMode, InterpolateOptions},
};

use crate::Operation;
#[cfg(feature = "cubecl")]
use crate::{Linear, to_map, to_tokens};

/// Where a 3×3 convolution sees zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// One pixel on every side.
    Around,
    /// One pixel at the bottom and on the right.
    BottomRight,
}

impl Padding {
    /// Pixels above, and on the left.
    pub(crate) fn before(self) -> usize {
        match self {
            Self::Around => 1,
            Self::BottomRight => 0,
        }
    }
}

/// A 3×3 convolution, and what follows it.
#[derive(Clone, Debug)]
pub struct Conv3x3 {
    /// `[B, C, H, W]`.
    pub map: Tensor<4>,
    /// `[C', C, 3, 3]`.
    pub weight: Tensor<4>,
    /// `[C']`.
    pub bias: Option<Tensor<1>>,
    /// Pixels from one neighborhood to the next.
    pub stride: usize,
    /// Zeros around the map.
    pub padding: Padding,
    /// Whether every pixel is repeated to 2×2 before.
    pub doubled: bool,
    /// Added to every pixel of an image, `[B, C']`.
    pub shift: Option<Tensor<2>>,
    /// Added at last, `[B, C', H', W']`.
    pub residual: Option<Tensor<4>>,
}

impl Conv3x3 {
    /// With stride 1, zeros around, and nothing added but the bias.
    pub fn new(map: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Self {
        Self {
            map,
            weight,
            bias,
            stride: 1,
            padding: Padding::Around,
            doubled: false,
            shift: None,
            residual: None,
        }
    }

    /// A side of the result; `None` if the map is too small for it.
    #[cfg(any(feature = "cubecl", feature = "flex"))]
    fn out_side(&self, side: usize) -> Option<usize> {
        let padded = side * if self.doubled { 2 } else { 1 } + self.padding.before() + 1;
        Some(padded.checked_sub(3).filter(|_| side > 0)?.checked_div(self.stride)? + 1)
    }

    /// The bias and the shift are one bias for each image, `[1, C']` or `[B, C']`.
    #[cfg(any(feature = "cubecl", feature = "flex"))]
    fn joint_bias(&self) -> Option<Tensor<2>> {
        match (self.bias.clone(), self.shift.clone()) {
            (Some(bias), Some(shift)) => Some(shift + bias.unsqueeze()),
            (bias, shift) => bias.map(Tensor::unsqueeze).or(shift),
        }
    }
}

impl Operation for Conv3x3 {
    /// `[B, C', H', W']`.
    type Output = Tensor<4>;

    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<4>> {
        use crate::gpu::{launch, optional, primitive, tensor};
        primitive(&self.map)?;
        let bias = self.joint_bias();
        let residual = optional(self.residual.as_ref())?;
        let [columns, channels, ..] = self.weight.dims();
        // The kernel takes channels by the dozen. Where there are but a few, zeros make up the number.
        let more = |count: usize, unit: usize| count.next_multiple_of(unit) - count;
        let (more_channels, more_columns) =
            (more(channels, launch::CHANNELS), more(columns, launch::COLUMNS));
        if more_columns > 0 && residual.is_some() {
            return None;
        }
        let map = extend(self.map.clone(), 1, more_channels);
        let weight = extend(extend(self.weight.clone(), 1, more_channels), 0, more_columns);
        let bias = bias.map(|bias| extend(bias, 1, more_columns));
        let product = launch::Product { bias: optional(bias.as_ref())?, residual, gated: false };
        let [.., height, width] = map.dims();
        let out = [self.out_side(height)?, self.out_side(width)?];
        let (map, weight) = (primitive(&map)?, primitive(&weight)?);
        let out =
            launch::conv3x3(map, weight, product, [self.stride, self.padding.before()], self.doubled, out)
                .map(tensor::<4>)?;
        Some(if more_columns > 0 { out.narrow(1, 0, columns) } else { out })
    }

    #[cfg(feature = "flex")]
    fn on_cpu(&self) -> Option<Tensor<4>> {
        use crate::cpu::{ConvShape, Numbers, conv3x3, tensor};
        let [batch, channels, height, width] = self.map.dims();
        let [out_channels, weight_channels, ..] = self.weight.dims();
        if weight_channels != channels || batch * channels * out_channels == 0 {
            return None;
        }
        let shape = ConvShape {
            batch,
            height,
            width,
            channels,
            out_channels,
            stride: self.stride,
            before: self.padding.before(),
            doubled: self.doubled,
            out: [self.out_side(height)?, self.out_side(width)?],
        };
        let map = Numbers::of(&self.map.clone().permute([0, 2, 3, 1]))?;
        let weight = Numbers::of(&self.weight.clone().permute([2, 3, 1, 0]))?;
        let bias = Numbers::of_optional(self.joint_bias().as_ref())?;
        let residual = self.residual.clone().map(|residual| residual.permute([0, 2, 3, 1]));
        let residual = Numbers::of_optional(residual.as_ref())?;
        let out = conv3x3(
            map.as_slice(),
            weight.as_slice(),
            bias.as_ref().map(Numbers::as_slice),
            residual.as_ref().map(Numbers::as_slice),
            &shape,
        );
        let [out_height, out_width] = shape.out;
        let out = tensor(out, [batch, out_height, out_width, out_channels], &self.map.device());
        Some(out.permute([0, 3, 1, 2]))
    }

    fn composed(self) -> Tensor<4> {
        let mut map = self.map;
        if self.doubled {
            let [_, _, height, width] = map.dims();
            let size = [2 * height, 2 * width];
            let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size(size);
            map = interpolate(map, options);
        }
        let padding = (self.padding.before(), 1);
        let options = ConvOptions::new_with_padding([self.stride; 2], [padding; 2], [1, 1], 1);
        let mut map = conv2d(map, self.weight, self.bias, options);
        if let Some(shift) = self.shift {
            let [batch, channels] = shift.dims();
            map = map + shift.reshape([batch, channels, 1, 1]);
        }
        match self.residual {
            Some(residual) => residual + map,
            None => map,
        }
    }
}

/// With so many zeros behind the last of dimension `dim`.
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

/// A 1×1 convolution, and what is added to it.
#[derive(Clone, Debug)]
pub struct Conv1x1 {
    /// `[B, C, H, W]`.
    pub map: Tensor<4>,
    /// `[C', C, 1, 1]`.
    pub weight: Tensor<4>,
    /// `[C']`.
    pub bias: Option<Tensor<1>>,
}

impl Operation for Conv1x1 {
    /// `[B, C', H, W]`.
    type Output = Tensor<4>;

    /// A linear layer over the pixels.
    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<4>> {
        crate::gpu::primitive(&self.map)?;
        let [_, _, height, width] = self.map.dims();
        let [columns, channels, ..] = self.weight.dims();
        let weight = self.weight.clone().reshape([columns, channels]).transpose();
        let tokens = Linear::new(to_tokens(self.map.clone()), weight, self.bias.clone()).on_gpu()?;
        Some(to_map(tokens, height, width))
    }

    fn composed(self) -> Tensor<4> {
        conv2d(self.map, self.weight, self.bias, ConvOptions::new([1, 1], [0, 0], [1, 1], 1))
    }
}
