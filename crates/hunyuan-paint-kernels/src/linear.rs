use burn::tensor::{Tensor, activation::gelu, module::linear};

use crate::Operation;

/// A linear layer, optionally with gates and a residual.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[B, S, C]`.
    pub x: Tensor<3>,
    /// `[C, C']`.
    pub weight: Tensor<2>,
    /// `[C']`.
    pub bias: Option<Tensor<1>>,
    /// Splits the outputs into values and gates, and returns value · GELU(gate) (Shazeer 2020,
    /// arXiv 2002.05202).
    pub gated: bool,
    /// Added to the result, `[B, S, C']`, or `[B, S, C' / 2]` with gates.
    pub residual: Option<Tensor<3>>,
}

impl Linear {
    /// Creates a layer without gates and residual.
    pub fn new(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        Self { x, weight, bias, gated: false, residual: None }
    }

    /// Applies gates and residual.
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

#[cfg(feature = "cubecl")]
impl Linear {
    /// Returns the layer as a matrix product, with or without gates and residual.
    fn gpu_product(&self, is_fused: bool) -> Option<crate::gpu::launch::Product> {
        use crate::gpu::{launch, optional, primitive};
        let bias = optional(self.bias.as_ref())?;
        let residual = optional(self.residual.as_ref())?.filter(|_| is_fused);
        let epilogue = launch::EpilogueOperands { bias, residual, gated: self.gated && is_fused };
        launch::Product::linear(primitive(&self.x)?, primitive(&self.weight)?, epilogue)
    }
}

impl Operation for Linear {
    /// `[B, S, C']`, or `[B, S, C' / 2]` with gates.
    type Output = Tensor<3>;

    #[cfg(feature = "cubecl")]
    fn gpu_kernel_name(&self) -> Option<&'static str> {
        let name = self.gpu_product(true)?.kernel_name();
        if name.is_some() || !self.gated { name } else { self.gpu_product(false)?.kernel_name() }
    }

    #[cfg(feature = "flex")]
    fn cpu_kernel_name(&self) -> Option<&'static str> {
        use crate::cpu::{KERNEL_NAME, are_cpu_f32, is_cpu_f32};
        let [batch, sequence, depth] = self.x.dims();
        let [weight_depth, columns] = self.weight.dims();
        // Without gates, burn's product is as fast.
        let fits = self.gated
            && weight_depth == depth
            && batch * sequence * depth * (columns / 2) > 0
            && is_cpu_f32(&self.x)
            && is_cpu_f32(&self.weight)
            && are_cpu_f32(&self.bias);
        fits.then_some(KERNEL_NAME)
    }

    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<3>> {
        use crate::gpu::tensor;
        let out = self.gpu_product(true)?.run().map(tensor);
        if out.is_some() || !self.gated {
            return out;
        }
        // The scalar kernel has no gates.
        Some(self.finish(self.gpu_product(false)?.run().map(tensor)?))
    }

    #[cfg(feature = "flex")]
    fn on_cpu(&self) -> Option<Tensor<3>> {
        use crate::cpu::{FlexSlice, gated_linear, tensor};
        self.cpu_kernel_name()?;
        let [batch, sequence, depth] = self.x.dims();
        let width = self.weight.dims()[1] / 2;
        let (x, weight) = (FlexSlice::of(&self.x)?, FlexSlice::of(&self.weight)?);
        let bias = FlexSlice::of_optional(self.bias.as_ref())?;
        let bias = bias.as_ref().map(FlexSlice::as_slice);
        let gated = gated_linear(x.as_slice(), weight.as_slice(), bias, [depth, width]);
        let gated = tensor(gated, [batch, sequence, width], &self.x.device());
        Some(match &self.residual {
            Some(residual) => residual.clone() + gated,
            None => gated,
        })
    }

    fn reference(self) -> Tensor<3> {
        let x = linear(self.x.clone(), self.weight.clone(), self.bias.clone());
        self.finish(x)
    }
}
