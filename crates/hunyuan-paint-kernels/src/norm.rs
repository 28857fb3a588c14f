use burn::{
    nn,
    tensor::{Tensor, activation::silu},
};

use crate::Operation;

/// Group norm (Wu and He 2018, arXiv 1803.08494), optionally followed by SiLU.
#[derive(Clone, Debug)]
pub struct GroupNorm<'a> {
    /// `[B, C, H, W]`.
    pub map: Tensor<4>,
    /// The number of groups, the weights and epsilon.
    pub norm: &'a nn::GroupNorm,
    /// Applies SiLU, `x · sigmoid(x)`, to the result.
    pub silu: bool,
}

#[cfg(feature = "cubecl")]
impl GroupNorm<'_> {
    fn gpu_operands(&self) -> Option<crate::gpu::launch::GroupNorm> {
        use crate::gpu::{launch, primitive};
        let Self { map, norm, silu } = self;
        Some(launch::GroupNorm {
            gamma: primitive(&norm.gamma.as_ref()?.val())?,
            beta: primitive(&norm.beta.as_ref()?.val())?,
            map: primitive(map)?,
            groups: norm.num_groups,
            epsilon: norm.epsilon,
            silu: *silu,
        })
    }
}

impl Operation for GroupNorm<'_> {
    /// `[B, C, H, W]`.
    type Output = Tensor<4>;

    #[cfg(feature = "cubecl")]
    fn gpu_kernel_name(&self) -> Option<&'static str> {
        self.gpu_operands()?.kernel_name()
    }

    #[cfg(feature = "flex")]
    fn cpu_kernel_name(&self) -> Option<&'static str> {
        use crate::cpu::{KERNEL_NAME, is_cpu_f32};
        let Self { map, norm, .. } = self;
        let fits = !map.dims().contains(&0)
            && norm.num_channels == map.dims()[1]
            && is_cpu_f32(map)
            && is_cpu_f32(&norm.gamma.as_ref()?.val())
            && is_cpu_f32(&norm.beta.as_ref()?.val());
        fits.then_some(KERNEL_NAME)
    }

    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<4>> {
        self.gpu_operands()?.run().map(crate::gpu::tensor)
    }

    #[cfg(feature = "flex")]
    fn on_cpu(&self) -> Option<Tensor<4>> {
        use crate::cpu::{FlexSlice, group_norm, tensor};
        self.cpu_kernel_name()?;
        let Self { map, norm, silu } = self;
        let [batch, channels, height, width] = map.dims();
        let gamma = FlexSlice::of(&norm.gamma.as_ref()?.val())?;
        let beta = FlexSlice::of(&norm.beta.as_ref()?.val())?;
        let pixels = FlexSlice::of(&map.clone().permute([0, 2, 3, 1]))?;
        let out = group_norm(
            pixels.as_slice(),
            [batch, height * width, channels],
            [gamma.as_slice(), beta.as_slice()],
            norm.num_groups,
            norm.epsilon,
            *silu,
        );
        let out = tensor(out, [batch, height, width, channels], &map.device());
        Some(out.permute([0, 3, 1, 2]))
    }

    fn reference(self) -> Tensor<4> {
        let map = self.norm.forward(self.map);
        if self.silu { silu(map) } else { map }
    }
}

/// Layer norm (Ba et al. 2016, arXiv 1607.06450).
#[derive(Clone, Debug)]
pub struct LayerNorm<'a> {
    /// `[B, S, C]`.
    pub tokens: Tensor<3>,
    /// The weights.
    pub norm: &'a nn::LayerNorm,
    /// Epsilon. Must equal the one `norm` was built with; burn keeps that field private.
    pub epsilon: f64,
}

#[cfg(feature = "cubecl")]
impl LayerNorm<'_> {
    fn gpu_operands(&self) -> Option<crate::gpu::launch::LayerNorm> {
        use crate::gpu::{launch, primitive};
        let Self { tokens, norm, epsilon } = self;
        Some(launch::LayerNorm {
            gamma: primitive(&norm.gamma.val())?,
            beta: primitive(&norm.beta.as_ref()?.val())?,
            tokens: primitive(tokens)?,
            epsilon: *epsilon,
        })
    }
}

impl Operation for LayerNorm<'_> {
    /// `[B, S, C]`.
    type Output = Tensor<3>;

    #[cfg(feature = "cubecl")]
    fn gpu_kernel_name(&self) -> Option<&'static str> {
        self.gpu_operands()?.kernel_name()
    }

    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<3>> {
        self.gpu_operands()?.run().map(crate::gpu::tensor)
    }

    fn reference(self) -> Tensor<3> {
        self.norm.forward(self.tokens)
    }
}
