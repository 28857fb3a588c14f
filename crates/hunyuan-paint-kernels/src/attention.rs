use burn::tensor::{Tensor, module::attention, ops::AttentionModuleOptions};

use crate::Operation;

/// Beyond this many scores the queries are taken in chunks, so that a backend that materializes
/// them needs at most 256 MiB in single precision.
const MAX_SCORES: usize = 1 << 26;

/// `softmax(q·kᵀ / √d)·v` for every head (Vaswani et al. 2017, arXiv 1706.03762).
#[derive(Clone, Debug)]
pub struct Attention {
    /// `[B, S, heads · d]`.
    pub query: Tensor<3>,
    /// `[B, T, heads · d]`, or `[1, T, heads · d]` for all of the batch.
    pub key: Tensor<3>,
    /// Of the key's shape.
    pub value: Tensor<3>,
    /// How many heads there are.
    pub heads: usize,
}

impl Attention {
    /// Whether the shapes are such that attention can be computed, and there is something to compute.
    #[cfg(any(feature = "cubecl", feature = "flex"))]
    fn fits(&self) -> bool {
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
}

impl Operation for Attention {
    /// `[B, S, heads · d]`.
    type Output = Tensor<3>;

    #[cfg(feature = "cubecl")]
    fn on_gpu(&self) -> Option<Tensor<3>> {
        use crate::gpu::{launch, primitive, tensor};
        let Self { query, key, value, heads } = self;
        if !self.fits() {
            return None;
        }
        launch::attention(primitive(query)?, primitive(key)?, primitive(value)?, *heads).map(tensor)
    }

    #[cfg(feature = "flex")]
    fn on_cpu(&self) -> Option<Tensor<3>> {
        use crate::cpu::{Numbers, attention, tensor};
        let Self { query, key, value, heads } = self;
        if !self.fits() {
            return None;
        }
        let numbers = [Numbers::of(query)?, Numbers::of(key)?, Numbers::of(value)?];
        let [key_batch, keys, _] = key.dims();
        let out =
            attention(numbers.each_ref().map(Numbers::as_slice), query.dims(), [key_batch, keys], *heads);
        Some(tensor(out, query.dims(), &query.device()))
    }

    fn composed(self) -> Tensor<3> {
        let Self { query, key, value, heads } = self;
        let [batch, queries, channels] = query.dims();
        let [key_batch, keys, _] = key.dims();
        if key_batch == 1 && batch > 1 {
            // One key for all: their queries are one long sequence.
            let query = query.reshape([1, batch * queries, channels]);
            let attended = Self { query, key, value, heads }.composed();
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
