use burn::{
    nn,
    tensor::{Tensor, activation::silu},
};

use crate::Operation;

/// Group norm (Wu and He 2018, arXiv 1803.08494), and SiLU after it if asked.
#[derive(Clone, Debug)]
pub struct GroupNorm<'a> {
    /// `[B, C, H, W]`.
    pub map: Tensor<4>,
    /// Groups, factors and offsets.
    pub norm: &'a nn::GroupNorm,
    /// Whether x · sigmoid(x) follows.
    pub silu: bool,
}

impl Operation for GroupNorm<'_> {
    /// `[B, C, H, W]`.
    type Output = Tensor<4>;

    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<4>> {
        use crate::gpu::{launch, primitive, tensor};
        let Self { map, norm, silu } = self;
        let gamma = primitive(&norm.gamma.as_ref()?.val())?;
        let beta = primitive(&norm.beta.as_ref()?.val())?;
        launch::group_norm(primitive(map)?, gamma, beta, norm.num_groups, norm.epsilon, *silu).map(tensor)
    }

    #[cfg(feature = "flex")]
    fn on_cpu(&self) -> Option<Tensor<4>> {
        use crate::cpu::{Numbers, group_norm, tensor};
        let Self { map, norm, silu } = self;
        let [batch, channels, height, width] = map.dims();
        if map.dims().contains(&0) || norm.num_channels != channels {
            return None;
        }
        let gamma = Numbers::of(&norm.gamma.as_ref()?.val())?;
        let beta = Numbers::of(&norm.beta.as_ref()?.val())?;
        let numbers = Numbers::of(&map.clone().permute([0, 2, 3, 1]))?;
        let out = group_norm(
            numbers.as_slice(),
            [batch, height * width, channels],
            [gamma.as_slice(), beta.as_slice()],
            norm.num_groups,
            norm.epsilon,
            *silu,
        );
        let out = tensor(out, [batch, height, width, channels], &map.device());
        Some(out.permute([0, 3, 1, 2]))
    }

    fn composed(self) -> Tensor<4> {
        let map = self.norm.forward(self.map);
        if self.silu { silu(map) } else { map }
    }
}

/// Layer norm (Ba et al. 2016, arXiv 1607.06450).
#[derive(Clone, Debug)]
pub struct LayerNorm<'a> {
    /// `[B, S, C]`.
    pub tokens: Tensor<3>,
    /// Factors and offsets.
    pub norm: &'a nn::LayerNorm,
    /// What is added to the variance: that of `norm`, which keeps it to itself.
    pub epsilon: f64,
}

impl Operation for LayerNorm<'_> {
    /// `[B, S, C]`.
    type Output = Tensor<3>;

    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<3>> {
        use crate::gpu::{launch, primitive, tensor};
        let Self { tokens, norm, epsilon } = self;
        let gamma = primitive(&norm.gamma.val())?;
        let beta = primitive(&norm.beta.as_ref()?.val())?;
        launch::layer_norm(primitive(tokens)?, gamma, beta, *epsilon).map(tensor)
    }

    fn composed(self) -> Tensor<3> {
        self.norm.forward(self.tokens)
    }
}
