//! Seeded random weights for networks of any size, with diffusers' names, in a file that both
//! implementations read.

use std::{
    collections::{BTreeMap, HashMap},
    sync::PoisonError,
};

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{VarBuilder, VarMap};
use hunyuan_paint_scheduler::random::{NormalGenerator, Philox};

/// Names of diffusers for which candle uses older names.
const RENAMED: [(&str, &str); 4] = [
    (".attentions.0.query.", ".attentions.0.to_q."),
    (".attentions.0.key.", ".attentions.0.to_k."),
    (".attentions.0.value.", ".attentions.0.to_v."),
    (".attentions.0.proj_attn.", ".attentions.0.to_out.0."),
];

/// Draws a tensor for each name that candle requests while it builds the network. Norms scale by
/// about 1; other layers preserve the magnitude of their input.
pub(crate) fn draw(
    seed: u64,
    build: impl FnOnce(VarBuilder<'_>) -> Result<()>,
) -> Result<HashMap<String, Tensor>> {
    let asked = VarMap::new();
    build(VarBuilder::from_varmap(&asked, DType::F32, &Device::Cpu))?;
    let mut shapes = BTreeMap::new();
    for (key, variable) in asked.data().lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let key = RENAMED.iter().fold(key.clone(), |key, (old, new)| key.replace(old, new));
        shapes.insert(key, variable.dims().to_vec());
    }
    drop(asked);

    let mut generator = Philox::new(seed);
    let draw = |(key, shape): (String, Vec<usize>)| -> Result<(String, Tensor)> {
        let (center, spread) = match &shape[..] {
            _ if key.ends_with(".bias") => (0.0, 0.1),
            [_] => (1.0, 0.1),
            [_, inputs @ ..] => (0.0, 1.0 / (inputs.iter().product::<usize>() as f32).sqrt()),
            [] => (0.0, 1.0),
        };
        let mut values = generator.randn(shape.iter().product());
        values.iter_mut().for_each(|value| *value = center + spread * *value);
        Ok((key, Tensor::from_vec(values, shape, &Device::Cpu)?))
    };
    shapes.into_iter().map(draw).collect()
}
