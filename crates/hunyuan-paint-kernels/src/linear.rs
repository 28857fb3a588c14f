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

    /// What follows the layer itself.
    fn finish(&self, mut x: Tensor<3>) -> Tensor<3> {
        if self.gated {
            let width = x.dims()[2] / 2;
            x = x.clone().narrow(2, 0, width) * gelu(x.narrow(2, width, width));
        }
        match &self.residual {
            Some(residual) => residual.clone() + x,
            None => x,
        }
    }
}

impl Operation for Linear {
    /// `[B, S, C']`, or `[B, S, C' / 2]` with gates.
    type Output = Tensor<3>;

    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<3>> {
        use crate::gpu::{launch, optional, primitive, tensor};
        let bias = optional(self.bias.as_ref())?;
        let (x, weight) = (primitive(&self.x)?, primitive(&self.weight)?);
        let residual = optional(self.residual.as_ref())?;
        let product = launch::Product { bias: bias.clone(), residual, gated: self.gated };
        let whole = launch::linear(x.clone(), weight.clone(), product).map(tensor);
        if whole.is_some() || !self.gated {
            return whole;
        }
        // Not every kernel has gates.
        let product = launch::Product { bias, residual: None, gated: false };
        Some(self.finish(launch::linear(x, weight, product).map(tensor)?))
    }

    /// Only gates have a kernel: burn's own product is as fast as can be.
    #[cfg(feature = "flex")]
    fn on_cpu(&self) -> Option<Tensor<3>> {
        use crate::cpu::{Numbers, gated_linear, tensor};
        if !self.gated {
            return None;
        }
        let [batch, sequence, depth] = self.x.dims();
        let [weight_depth, columns] = self.weight.dims();
        let width = columns / 2;
        if weight_depth != depth || batch * sequence * depth * width == 0 {
            return None;
        }
        let (x, weight) = (Numbers::of(&self.x)?, Numbers::of(&self.weight)?);
        let bias = Numbers::of_optional(self.bias.as_ref())?;
        let bias = bias.as_ref().map(Numbers::as_slice);
        let gated = gated_linear(x.as_slice(), weight.as_slice(), bias, [depth, width]);
        let gated = tensor(gated, [batch, sequence, width], &self.x.device());
        Some(match &self.residual {
            Some(residual) => residual.clone() + gated,
            None => gated,
        })
    }

    fn composed(self) -> Tensor<3> {
        let x = linear(self.x.clone(), self.weight.clone(), self.bias.clone());
        self.finish(x)
    }
}
