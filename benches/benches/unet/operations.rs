//! Single operations of the networks.

use burn::{
    module::{Module, ModuleMapper, Param},
    nn::{GroupNormConfig, LayerNormConfig},
    tensor::{DType, Device, Distribution, Tensor},
};
use hunyuan_paint_kernels::{
    Attention, Conv3x3, GroupNorm, LayerNorm, Linear, Operation, arrange_weight, to_map,
};

use crate::Stopwatch;

/// Returns normal numbers. The values do not affect the time.
fn normal<const D: usize>(shape: [usize; D], device: &Device, dtype: DType) -> Tensor<D> {
    Tensor::<D>::random(shape, Distribution::Normal(0.0, 0.5), device).cast(dtype)
}

/// Returns a map in the memory layout that the network's operations produce.
fn map([batch, channels, side]: [usize; 3], device: &Device, dtype: DType) -> Tensor<4> {
    to_map(normal([batch, side * side, channels], device, dtype), side, side)
}

struct Cast(DType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, weight: Param<Tensor<D>>) -> Param<Tensor<D>> {
        weight.map(|weight| weight.cast(self.0))
    }
}

pub(crate) fn time(stopwatch: &mut Stopwatch<'_>, dtype: DType, batch: usize) {
    let device = stopwatch.device.clone();
    for [from, to, side] in
        [[320, 320, 64], [640, 640, 32], [1280, 1280, 16], [2560, 1280, 16], [1280, 1280, 8], [128, 128, 256]]
    {
        // The autoencoder processes one image at a time.
        let batch = if side > 64 { 1 } else { batch };
        let map = map([batch, from, side], &device, dtype);
        let weight = arrange_weight(normal([to, from, 3, 3], &device, dtype));
        let bias = normal([to], &device, dtype);
        let flops = 2.0 * (batch * side * side * from * to * 9) as f64;
        stopwatch.time(&format!("conv_{from}_{to}_at_{side}"), Some(flops), &|| {
            drop(Conv3x3::new(map.clone(), weight.clone(), Some(bias.clone())).run());
        });
    }
    for ([rows, from, to], gated) in [
        ([4096, 320, 320], false),
        ([4096, 320, 2560], true),
        ([4096, 1280, 320], false),
        ([1024, 640, 5120], true),
        ([256, 1280, 1280], false),
        ([4096, 4096, 4096], false),
    ] {
        let x = normal([batch, rows, from], &device, dtype);
        let (weight, bias) = (normal([from, to], &device, dtype), normal([to], &device, dtype));
        let flops = 2.0 * (batch * rows * from * to) as f64;
        let name = format!("linear_{}x{from}_{to}{}", batch * rows, if gated { "_geglu" } else { "" });
        stopwatch.time(&name, Some(flops), &|| {
            let layer = Linear::new(x.clone(), weight.clone(), Some(bias.clone()));
            drop(Linear { gated, ..layer }.run());
        });
    }
    let views = (batch / 2).max(1);
    for (name, [sequences, queries, keys, heads]) in [
        ("self_attention", [batch, 4096, 4096, 5]),
        ("multiview_attention", [batch.div_ceil(views), views * 4096, views * 4096, 5]),
        ("self_attention", [batch, 1024, 1024, 10]),
        ("text_attention", [batch, 4096, 77, 5]),
    ] {
        let tokens = |count| normal([sequences, count, 64 * heads], &device, dtype);
        let (query, key, value) = (tokens(queries), tokens(keys), tokens(keys));
        let flops = 4.0 * (sequences * heads * queries * keys * 64) as f64;
        stopwatch.time(&format!("{name}_{sequences}x{heads}_{queries}_{keys}"), Some(flops), &|| {
            let (query, key, value) = (query.clone(), key.clone(), value.clone());
            drop(Attention { query, key, value, heads }.run());
        });
    }
    for [channels, side] in [[320, 64], [1280, 16]] {
        let map = map([batch, channels, side], &device, dtype);
        let norm = GroupNormConfig::new(32, channels).init(&device).map(&mut Cast(dtype));
        stopwatch.time(&format!("group_norm_silu_{channels}_at_{side}"), None, &|| {
            drop(GroupNorm { map: map.clone(), norm: &norm, silu: true }.run());
        });
    }
    let tokens = normal([batch, 4096, 320], &device, dtype);
    let norm = LayerNormConfig::new(320).init(&device).map(&mut Cast(dtype));
    stopwatch.time("layer_norm_320", None, &|| {
        drop(LayerNorm { tokens: tokens.clone(), norm: &norm, epsilon: 1e-5 }.run());
    });
}
