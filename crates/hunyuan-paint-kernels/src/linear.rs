use burn::tensor::{Tensor, activation::gelu, module::linear};

use crate::Operation;

/// A linear layer, and what follows it.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[B, S, C]`.
    pub x: Tensor<3>,
    /// `[C, C']`.
    pub weight: Tensor<2>,
    /// `[C']`.
    pub bias: Option<Tensor<1>>,
    /// Whether the outputs are values, then gates, of which value · GELU(gate) is made (Shazeer 2020, arXiv 2002.05202).
    pub gated: bool,
    /// Added at last, `[B, S, C']`, or `[B, S, C' / 2]` with gates.
    pub residual: Option<Tensor<3>>,
}

impl Linear {
    /// Without gates and residual.
    pub fn new(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        Self { x, weight, bias, gated: false, residual: None }
    }
}

impl Operation for Linear {
    /// `[B, S, C']`, or `[B, S, C' / 2]` with gates.
    type Output = Tensor<3>;

    #[cfg(feature = "cubecl")]
    fn kernel(&self) -> Option<Tensor<3>> {
        use crate::gpu::{launch, optional, primitive, tensor};
        let product = launch::Product {
            bias: optional(self.bias.as_ref())?,
            residual: optional(self.residual.as_ref())?,
            gated: self.gated,
            tile: None,
        };
        launch::linear(primitive(&self.x)?, primitive(&self.weight)?, product).map(tensor)
    }

    #[cfg(not(feature = "cubecl"))]
    fn kernel(&self) -> Option<Tensor<3>> {
        None
    }

    fn composed(self) -> Tensor<3> {
        let mut x = linear(self.x, self.weight, self.bias);
        if self.gated {
            let width = x.dims()[2] / 2;
            x = x.clone().narrow(2, 0, width) * gelu(x.narrow(2, width, width));
        }
        match self.residual {
            Some(residual) => residual + x,
            None => x,
        }
    }
}
