use burn::tensor::{Tensor, module::attention, ops::AttentionModuleOptions};

use crate::Operation;

/// Above this number of scores, the reference splits the queries into chunks. A backend that stores
/// the scores then needs at most 256 MiB for them in single precision.
const MAX_SCORES: usize = 1 << 26;

/// `softmax(q·kᵀ / √d)·v` for every head (Vaswani et al. 2017, arXiv 1706.03762).
#[derive(Clone, Debug)]
pub struct Attention {
    /// `[B, S, heads · d]`.
    pub query: Tensor<3>,
    /// `[B, T, heads · d]`, or `[1, T, heads · d]` to share keys and values among the batch.
    pub key: Tensor<3>,
    /// Values, of the key's shape.
    pub value: Tensor<3>,
    /// The number of heads.
    pub heads: usize,
}

impl Attention {
    /// Returns whether the shapes belong together and are not empty.
    #[cfg(any(feature = "cubecl", feature = "flex"))]
    fn has_valid_shapes(&self) -> bool {
        let Self { query, key, value, heads } = self;
        let [batch, queries, channels] = query.dims();
        let [key_batch, keys, key_channels] = key.dims();
        batch * queries * channels * keys > 0
            && key.dims() == value.dims()
            && key_channels == channels
            && (key_batch == 1 || key_batch == batch)
            && *heads > 0
            && channels.is_multiple_of(*heads)
    }

    #[cfg(feature = "cubecl")]
    fn gpu_operands(&self) -> Option<crate::gpu::launch::Attention> {
        use crate::gpu::{launch, primitive};
        let Self { query, key, value, heads } = self;
        if !self.has_valid_shapes() {
            return None;
        }
        let (query, key, value) = (primitive(query)?, primitive(key)?, primitive(value)?);
        Some(launch::Attention { query, key, value, heads: *heads })
    }
}

impl Operation for Attention {
    /// `[B, S, heads · d]`.
    type Output = Tensor<3>;

    #[cfg(feature = "cubecl")]
    fn gpu_kernel_name(&self) -> Option<&'static str> {
        self.gpu_operands()?.kernel_name()
    }

    #[cfg(feature = "flex")]
    fn cpu_kernel_name(&self) -> Option<&'static str> {
        let operands = [&self.query, &self.key, &self.value];
        let fits = self.has_valid_shapes() && operands.into_iter().all(crate::cpu::is_cpu_f32);
        fits.then_some(crate::cpu::KERNEL_NAME)
    }

    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<3>> {
        self.gpu_operands()?.run().map(crate::gpu::tensor)
    }

    #[cfg(feature = "flex")]
    fn on_cpu(&self) -> Option<Tensor<3>> {
        use crate::cpu::{FlexSlice, attention, tensor};
        self.cpu_kernel_name()?;
        let Self { query, key, value, heads } = self;
        let slices = [FlexSlice::of(query)?, FlexSlice::of(key)?, FlexSlice::of(value)?];
        let [key_batch, keys, _] = key.dims();
        let out =
            attention(slices.each_ref().map(FlexSlice::as_slice), query.dims(), [key_batch, keys], *heads);
        Some(tensor(out, query.dims(), &query.device()))
    }

    fn reference(self) -> Tensor<3> {
        let Self { query, key, value, heads } = self;
        let [batch, queries, channels] = query.dims();
        let [key_batch, keys, _] = key.dims();
        if key_batch == 1 && batch > 1 {
            // With shared keys, the batch is one long sequence of queries.
            let query = query.reshape([1, batch * queries, channels]);
            let attended = Self { query, key, value, heads }.reference();
            return attended.reshape([batch, queries, channels]);
        }
        let split = |x: Tensor<3>| {
            let [batch, sequence, channels] = x.dims();
            x.reshape([batch, sequence, heads, channels / heads]).swap_dims(1, 2)
        };
        let (query, key, value) = (split(query), split(key), split(value));
        let attend = |query| {
            let options = AttentionModuleOptions::default();
            attention(query, key.clone(), value.clone(), None, None, options)
        };
        let chunk = (MAX_SCORES / (batch * heads * keys).max(1)).max(1);
        let attended: Tensor<4> = if queries <= chunk {
            attend(query)
        } else {
            Tensor::cat(query.split(chunk, 2).into_iter().map(attend).collect(), 2)
        };
        attended.swap_dims(1, 2).flatten(2, 3)
    }
}
