//! Our kernels, on the CPU and on a GPU in both precisions, against burn's operations on the CPU in double precision.

#![expect(clippy::print_stderr, reason = "a test that could not run has to say so")]

use burn::{
    nn::{self, GroupNormConfig, LayerNormConfig},
    tensor::{DType, Device, Tensor, TensorData},
};
use hunyuan_paint::{ComputeDevice, PaintError};
use hunyuan_paint_kernels::{Attention, Conv3x3, GroupNorm, LayerNorm, Linear, Operation, Padding};
use hunyuan_paint_scheduler::random::{NormalGenerator, Philox};
use hunyuan_paint_testkit::gpu_is_required;

type TestResult = Result<(), PaintError>;

/// A device in one precision, and the CPU in double precision with the same numbers.
struct Pair {
    device: Device,
    is_gpu: bool,
    dtype: DType,
    generator: Philox,
}

impl Pair {
    /// Normal numbers, on the device and on the CPU; both have what the precision leaves of them.
    fn normal<const D: usize>(&mut self, shape: [usize; D], deviation: f32) -> [Tensor<D>; 2] {
        let mut values = vec![0.0; shape.iter().product()];
        self.generator.fill_normal(&mut values);
        values.iter_mut().for_each(|value| *value *= deviation);
        let data = TensorData::new(values, shape).convert_dtype(self.dtype);
        let on_cpu = Tensor::from_data(data.clone().convert_dtype(DType::F64), (&Device::flex(), DType::F64));
        [Tensor::from_data(data, (&self.device, self.dtype)), on_cpu]
    }

    /// The largest difference, in units of the largest expected number; the kernel must have run.
    fn check<const D: usize>(
        &self,
        name: &str,
        found: Option<Tensor<D>>,
        expected: Tensor<D>,
        is_needed: bool,
    ) {
        let Some(found) = found else {
            assert!(!is_needed, "{name} {:?}: the kernel did not run", self.dtype);
            eprintln!("SKIPPED: {name} {:?}: no kernel for this device", self.dtype);
            return;
        };
        assert_eq!(found.dims(), expected.dims(), "{name}");
        let numbers = |tensor: Tensor<D>| tensor.into_data().convert_dtype(DType::F64).try_into_vec::<f64>();
        let found = numbers(found).unwrap_or_default();
        let expected = numbers(expected).unwrap_or_default();
        assert!(!found.is_empty() && found.len() == expected.len(), "{name}: not numbers");
        let largest = expected.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        let off = found.iter().zip(&expected).fold(0.0f64, |off, (a, b)| {
            // NaN is the largest difference of all.
            if (a - b).is_nan() { f64::INFINITY } else { off.max((a - b).abs()) }
        });
        // Half precision rounds every result to 11 bits, and what a kernel keeps in between as well. In single precision
        // scores of 16 to 32, as they are in the attention here, are rounded to 2·10⁻⁶, which is then a weight's
        // relative error.
        let limit = match self.dtype {
            DType::F16 => 2e-3,
            _ if name.starts_with("attention") => 4e-6,
            _ => 2e-6,
        };
        assert!(largest > 0.1, "{name}: nothing was computed");
        assert!(off <= limit * largest, "{name} {:?}: {off:e} of {largest}", self.dtype);
        eprintln!("{name} {:?}: {:.1e}", self.dtype, off / largest);
    }
}

fn on_devices(test: impl Fn(&mut Pair)) -> TestResult {
    let pair = |device: &Device, is_gpu, dtype| Pair {
        device: device.clone(),
        is_gpu,
        dtype,
        generator: Philox::new(3),
    };
    test(&mut pair(&Device::flex(), false, DType::F32));
    let devices = [ComputeDevice::Vulkan, ComputeDevice::Metal, ComputeDevice::Wgpu];
    let device = devices.into_iter().find(|device| device.info().is_ok()).unwrap_or(ComputeDevice::Wgpu);
    let gpu = match device.init() {
        Ok(gpu) => gpu,
        Err(error @ PaintError::NoDevice { .. }) if !gpu_is_required() => {
            eprintln!("SKIPPED: {error}");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    eprintln!("{device}: {}", device.info()?.name);
    for dtype in [DType::F32, DType::F16] {
        if gpu.supports_dtype(dtype) {
            test(&mut pair(&gpu, true, dtype));
        }
    }
    Ok(())
}

#[test]
fn attention() -> TestResult {
    on_devices(|pair| {
        // [batch, key batch, queries, keys, heads, width]: tiles that are full, that are not, one key for all, the
        // network's head width and others
        for [batch, key_batch, queries, keys, heads, width] in [
            [2, 2, 128, 128, 2, 64],
            [1, 1, 200, 77, 3, 64],
            [3, 1, 65, 300, 1, 64],
            [2, 2, 130, 512, 2, 64],
            [2, 2, 9, 33, 2, 8],
        ] {
            // Scores that differ by a lot, so that the maximum moves from tile to tile.
            let [query, query_cpu] = pair.normal([batch, queries, heads * width], 2.0);
            let [key, key_cpu] = pair.normal([key_batch, keys, heads * width], 2.0);
            let [value, value_cpu] = pair.normal([key_batch, keys, heads * width], 1.0);
            // In the longest sequence the first keys are small, so that later weights outgrow half precision.
            let grow = |key: Tensor<3>| match keys {
                512 => {
                    let (first, rest) = (key.clone().narrow(1, 0, 192), key.narrow(1, 192, keys - 192));
                    Tensor::cat(vec![first * 0.25, rest], 1)
                }
                _ => key,
            };
            let (key, key_cpu) = (grow(key), grow(key_cpu));
            let expected = Attention { query: query_cpu, key: key_cpu, value: value_cpu, heads }.composed();
            let found = Attention { query, key, value, heads }.kernel();
            pair.check(&format!("attention {queries} x {keys}, {width}"), found, expected, true);
        }
    })
}

#[test]
fn linear_layers() -> TestResult {
    on_devices(|pair| {
        for ([rows, depth, columns], gated, residual) in [
            ([300, 64, 320], false, true),
            ([130, 320, 256], true, false),
            ([20_000, 32, 160], false, false),
            ([6_500, 64, 512], true, false),
        ] {
            let [x, x_cpu] = pair.normal([1, rows, depth], 1.0);
            let [weight, weight_cpu] = pair.normal([depth, columns], 0.1);
            let [bias, bias_cpu] = pair.normal([columns], 1.0);
            let width = if gated { columns / 2 } else { columns };
            let [added, added_cpu] = pair.normal([1, rows, width], 1.0);
            let layer = |x, weight, bias, added| Linear {
                gated,
                residual: Some(added).filter(|_| residual),
                ..Linear::new(x, weight, Some(bias))
            };
            let expected = layer(x_cpu, weight_cpu, bias_cpu, added_cpu).composed();
            pair.check(
                &format!("linear {rows} x {depth} x {columns}"),
                layer(x, weight, bias, added).kernel(),
                expected,
                pair.is_gpu || gated,
            );
        }
    })
}

#[test]
fn convolutions() -> TestResult {
    on_devices(|pair| {
        for ([batch, channels, height, width, columns], stride, padding, doubled) in [
            ([2, 32, 9, 7, 64], 1, Padding::Around, false),
            ([1, 64, 16, 16, 8], 1, Padding::Around, false),
            ([2, 64, 8, 10, 96], 2, Padding::Around, false),
            ([1, 32, 8, 8, 32], 2, Padding::BottomRight, false),
            ([2, 32, 5, 6, 320], 1, Padding::Around, true),
        ] {
            let [map, map_cpu] = pair.normal([batch, channels, height, width], 1.0);
            let [weight, weight_cpu] = pair.normal([columns, channels, 3, 3], 0.1);
            let [bias, bias_cpu] = pair.normal([columns], 1.0);
            let [shift, shift_cpu] = pair.normal([batch, columns], 1.0);
            let conv = |map, weight, bias, shift| Conv3x3 {
                stride,
                padding,
                doubled,
                shift: Some(shift).filter(|_| batch > 1),
                ..Conv3x3::new(map, weight, Some(bias))
            };
            let expected = conv(map_cpu, weight_cpu, bias_cpu, shift_cpu).composed();
            let (added, added_cpu) = {
                let [added, added_cpu] = pair.normal(expected.dims(), 1.0);
                (added, added_cpu)
            };
            let found = Conv3x3 { residual: Some(added), ..conv(map, weight, bias, shift) }.kernel();
            pair.check(
                &format!("conv {channels} to {columns} at {height} x {width}"),
                found,
                expected + added_cpu,
                true,
            );
        }
    })
}

/// A norm with factors and offsets that are not 1 and 0.
fn fill(
    gamma: &mut burn::module::Param<Tensor<1>>,
    beta: &mut Option<burn::module::Param<Tensor<1>>>,
    values: [Tensor<1>; 2],
) {
    let [g, b] = values;
    *gamma = burn::module::Param::from_tensor(g);
    *beta = Some(burn::module::Param::from_tensor(b));
}

#[test]
fn norms() -> TestResult {
    on_devices(|pair| {
        for [batch, channels, side, groups] in
            [[2, 64, 9, 32], [1, 320, 33, 32], [1, 1280, 4, 32], [3, 8, 17, 2]]
        {
            // A mean far from zero, which naive sums of squares would not survive.
            let [map, _] = pair.normal([batch, channels, side, side], 1.0);
            let map = map + 20.0;
            // The sum is rounded as on the device.
            let rounded = map.clone().into_data().convert_dtype(DType::F64);
            let map_cpu = Tensor::<4>::from_data(rounded, (&Device::flex(), DType::F64));
            let [gamma, gamma_cpu] = pair.normal([channels], 1.0);
            let [beta, beta_cpu] = pair.normal([channels], 1.0);
            let config = GroupNormConfig::new(groups, channels);
            let norm_of = |device: &Device, gamma: Tensor<1>, beta: Tensor<1>| nn::GroupNorm {
                gamma: Some(burn::module::Param::from_tensor(gamma)),
                beta: Some(burn::module::Param::from_tensor(beta)),
                ..config.init(device)
            };
            let norm_cpu = norm_of(&Device::flex(), gamma_cpu, beta_cpu);
            let norm = norm_of(&pair.device, gamma, beta);
            let expected = GroupNorm { map: map_cpu, norm: &norm_cpu, silu: true }.composed();
            let found = GroupNorm { map, norm: &norm, silu: true }.kernel();
            pair.check(&format!("group norm {channels} at {side}"), found, expected, true);
        }
        for [rows, channels] in [[70, 320], [3, 8]] {
            let [tokens, tokens_cpu] = pair.normal([2, rows, channels], 3.0);
            let [gamma, gamma_cpu] = pair.normal([channels], 1.0);
            let [beta, beta_cpu] = pair.normal([channels], 1.0);
            let (mut norm, mut norm_cpu) = (
                LayerNormConfig::new(channels).init(&pair.device),
                LayerNormConfig::new(channels).init(&Device::flex()),
            );
            fill(&mut norm.gamma, &mut norm.beta, [gamma, beta]);
            fill(&mut norm_cpu.gamma, &mut norm_cpu.beta, [gamma_cpu, beta_cpu]);
            let expected = LayerNorm { tokens: tokens_cpu, norm: &norm_cpu, epsilon: 1e-5 }.composed();
            let found = LayerNorm { tokens, norm: &norm, epsilon: 1e-5 }.kernel();
            pair.check(&format!("layer norm {channels}"), found, expected, pair.is_gpu);
        }
    })
}
