//! Single operations of the networks at their true sizes.

use burn::{
    nn::{GroupNormConfig, LayerNormConfig},
    tensor::{DType, Device, Distribution, Tensor},
};
use hunyuan_paint_kernels::{Attention, Conv3x3, GroupNorm, LayerNorm, Linear, Operation};

/// One operation: what it is called, how many operations it counts for, and a run of it.
pub(crate) struct Subject {
    pub(crate) name: String,
    /// Multiplications and additions.
    pub(crate) flops: f64,
    pub(crate) run: Box<dyn Fn()>,
}

impl Subject {
    fn new<O: Operation + 'static>(name: String, flops: f64, operation: impl Fn() -> O + 'static) -> Self {
        Self { name, flops, run: Box::new(move || drop(operation().run())) }
    }
}

fn normal<const D: usize>(shape: [usize; D], device: &Device, dtype: DType) -> Tensor<D> {
    Tensor::<D>::random(shape, Distribution::Normal(0.0, 0.5), device).cast(dtype)
}

/// As in `tools/unet_operations.py`, which times PyTorch's.
pub(crate) fn subjects(device: &Device, dtype: DType, batch: usize) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for [from, to, side] in
        [[320, 320, 64], [640, 640, 32], [1280, 1280, 16], [2560, 1280, 16], [1280, 1280, 8]]
    {
        let map = normal([batch, from, side, side], device, dtype);
        // As the network has them after its first operation.
        let map =
            map.permute([0, 2, 3, 1]).reshape([-1]).reshape([batch, side, side, from]).permute([0, 3, 1, 2]);
        let weight = normal([to, from, 3, 3], device, dtype);
        let weight =
            weight.permute([2, 3, 1, 0]).reshape([-1]).reshape([3, 3, from, to]).permute([3, 2, 0, 1]);
        let bias = normal([to], device, dtype);
        let flops = 2.0 * (batch * side * side * from * to * 9) as f64;
        subjects.push(Subject::new(format!("conv_{from}_{to}_at_{side}"), flops, move || {
            Conv3x3::new(map.clone(), weight.clone(), Some(bias.clone()))
        }));
    }
    for [rows, from, to, gated] in [
        [4096, 320, 320, 0],
        [4096, 320, 2560, 1],
        [4096, 1280, 320, 0],
        [1024, 640, 5120, 1],
        [256, 1280, 1280, 0],
    ] {
        let x = normal([batch, rows, from], device, dtype);
        let weight = normal([from, to], device, dtype);
        let bias = normal([to], device, dtype);
        let flops = 2.0 * (batch * rows * from * to) as f64;
        let name = format!("linear_{}x{from}_{to}{}", batch * rows, if gated == 1 { "_geglu" } else { "" });
        subjects.push(Subject::new(name, flops, move || Linear {
            gated: gated == 1,
            ..Linear::new(x.clone(), weight.clone(), Some(bias.clone()))
        }));
    }
    let views = (batch / 2).max(1);
    for (name, [sequences, tokens, keys, heads]) in [
        ("self_attention", [batch, 4096, 4096, 5]),
        ("multiview_attention", [batch.div_ceil(views), views * 4096, views * 4096, 5]),
        ("self_attention", [batch, 1024, 1024, 10]),
        ("text_attention", [batch, 4096, 77, 5]),
    ] {
        let query = normal([sequences, tokens, 64 * heads], device, dtype);
        let key = normal([sequences, keys, 64 * heads], device, dtype);
        let value = normal([sequences, keys, 64 * heads], device, dtype);
        let flops = 4.0 * (sequences * heads * tokens * keys * 64) as f64;
        subjects.push(Subject::new(
            format!("{name}_{sequences}x{heads}_{tokens}_{keys}"),
            flops,
            move || Attention { query: query.clone(), key: key.clone(), value: value.clone(), heads },
        ));
    }
    for [channels, side] in [[320, 64], [1280, 16]] {
        let map = normal([batch, channels, side, side], device, dtype);
        let map = map
            .permute([0, 2, 3, 1])
            .reshape([-1])
            .reshape([batch, side, side, channels])
            .permute([0, 3, 1, 2]);
        let norm: &'static _ =
            Box::leak(Box::new(cast(GroupNormConfig::new(32, channels).init(device), dtype)));
        subjects.push(Subject::new(format!("group_norm_silu_{channels}_at_{side}"), 0.0, move || {
            GroupNorm { map: map.clone(), norm, silu: true }
        }));
    }
    let tokens = normal([batch, 4096, 320], device, dtype);
    let norm: &'static _ = Box::leak(Box::new(cast(LayerNormConfig::new(320).init(device), dtype)));
    subjects.push(Subject::new("layer_norm_320".to_owned(), 0.0, move || LayerNorm {
        tokens: tokens.clone(),
        norm,
        epsilon: 1e-5,
    }));
    subjects
}

fn cast<M: burn::module::Module>(module: M, dtype: DType) -> M {
    struct Cast(DType);
    impl burn::module::ModuleMapper for Cast {
        fn map_float<const D: usize>(
            &mut self,
            weight: burn::module::Param<Tensor<D>>,
        ) -> burn::module::Param<Tensor<D>> {
            weight.map(|weight| weight.cast(self.0))
        }
    }
    module.map(&mut Cast(dtype))
}
