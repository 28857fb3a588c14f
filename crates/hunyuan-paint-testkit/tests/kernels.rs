//! Compares the kernels, on the CPU and on a GPU in both precisions, with burn's operations on the
//! CPU in double precision.

use std::io::{self, Write};

use burn::{
    nn::{self, GroupNormConfig, LayerNormConfig},
    tensor::{DType, Device, Tensor, TensorData},
};
use hunyuan_paint_kernels::{
    Attention, Conv1x1, Conv3x3, GroupNorm, LayerNorm, Linear, MatrixUnits, Operation, Padding,
    arrange_weight, concat_channels, is_channels_last, to_map, to_tokens,
};
use hunyuan_paint_scheduler::random::{NormalGenerator, Philox};

/// The kernels that only run where the device supports them.
const MATRIX_KERNELS: [&str; 3] = ["attention_registers", "attention_matrix", "matmul"];

/// Writes a line that `cargo test` shows even for tests that pass. It starts on a new line even if
/// the name of a running test was written before.
fn report(line: &str) {
    let _ = writeln!(io::stderr(), "\n{line}");
}

/// A device and a precision, compared with the CPU in double precision.
struct Pair {
    device: Device,
    units: MatrixUnits,
    is_gpu: bool,
    dtype: DType,
    generator: Philox,
}

impl Pair {
    fn new(device: &Device, is_gpu: bool, dtype: DType) -> Self {
        let units = MatrixUnits::of(device);
        Self { device: device.clone(), units, is_gpu, dtype, generator: Philox::new(3) }
    }

    /// Returns normal numbers on the device and on the CPU, both rounded to the device's precision.
    fn normal<const D: usize>(&mut self, shape: [usize; D], deviation: f32) -> [Tensor<D>; 2] {
        let mut values = vec![0.0; shape.iter().product()];
        self.generator.fill_normal(&mut values);
        values.iter_mut().for_each(|value| *value *= deviation);
        let data = TensorData::new(values, shape).convert_dtype(self.dtype);
        let on_cpu = Tensor::from_data(data.clone().convert_dtype(DType::F64), (&Device::flex(), DType::F64));
        [Tensor::from_data(data, (&self.device, self.dtype)), on_cpu]
    }

    /// Returns `name` on a GPU, and `cpu` on the CPU.
    fn kernel_on(&self, name: &'static str) -> Option<&'static str> {
        Some(if self.is_gpu { name } else { "cpu" })
    }

    /// Returns the kernel for attention that the device must use.
    fn attention_kernel(&self, keys: usize, width: usize) -> Option<&'static str> {
        self.kernel_on(if self.dtype != DType::F16 || width != 64 || self.units < MatrixUnits::Multiply {
            "attention_scalar"
        } else if keys >= 256 && self.units >= MatrixUnits::MultiplyElementwise {
            "attention_registers"
        } else {
            "attention_matrix"
        })
    }

    /// Returns the kernel for products that the device must use.
    fn product_kernel(&self) -> Option<&'static str> {
        let is_fast = self.dtype == DType::F16 && self.units >= MatrixUnits::Multiply;
        self.kernel_on(if is_fast { "matmul" } else { "matmul_scalar" })
    }

    /// Checks that the operation chooses the kernel, and compares the kernel's result with the
    /// expected one.
    fn check<O: Operation<Output = Tensor<D>>, const D: usize>(
        &self,
        name: &str,
        operation: &O,
        kernel: Option<&'static str>,
        expected: Tensor<D>,
    ) {
        let dtype = self.dtype;
        assert_eq!(operation.kernel_name(), kernel, "{name} {dtype:?}");
        let found = operation.kernel();
        assert_eq!(found.is_some(), kernel.is_some(), "{name} {dtype:?}: whether a kernel ran");
        if let Some(found) = found {
            self.compare(name, found, expected);
        }
    }

    /// Compares a result with the expected one. The limits are in units of the largest expected
    /// number.
    fn compare<const D: usize>(&self, name: &str, found: Tensor<D>, expected: Tensor<D>) {
        assert_eq!(found.dims(), expected.dims(), "{name}");
        let numbers = |tensor: Tensor<D>| tensor.into_data().convert_dtype(DType::F64).try_into_vec::<f64>();
        let found = numbers(found).unwrap_or_default();
        let expected = numbers(expected).unwrap_or_default();
        assert!(!found.is_empty() && found.len() == expected.len(), "{name}: not numbers");
        let largest = expected.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        let off = found.iter().zip(&expected).fold(0.0_f64, |off, (a, b)| {
            // `max` would ignore NaN.
            if (a - b).is_nan() { f64::INFINITY } else { off.max((a - b).abs()) }
        });
        // Half precision rounds every result, and some intermediate ones, to 11 bits. In single
        // precision the scores of the attention here, 16 to 32, are rounded to 2·10⁻⁶, which
        // becomes the relative error of a weight.
        let limit = match self.dtype {
            DType::F16 => 2e-3,
            _ if name.starts_with("attention") => 4e-6,
            _ => 2e-6,
        };
        assert!(largest > 0.1, "{name}: nothing was computed");
        assert!(off <= limit * largest, "{name} {:?}: {off:e} of {largest}", self.dtype);
    }

    /// Checks that a rearrangement returns the same numbers on the device and on the CPU.
    fn check_equal<const D: usize>(&self, name: &str, found: Tensor<D>, expected: Tensor<D>) {
        assert_eq!(found.dims(), expected.dims(), "{name}");
        let data = |tensor: Tensor<D>| tensor.into_data().convert_dtype(DType::F64);
        assert_eq!(data(found), data(expected), "{name} {:?}", self.dtype);
    }
}

#[cfg(any(feature = "gpu", feature = "wgpu", feature = "vulkan", feature = "metal"))]
fn gpu() -> Option<Device> {
    use hunyuan_paint::ComputeDevice;
    let devices = [ComputeDevice::Vulkan, ComputeDevice::Metal, ComputeDevice::Wgpu];
    let device = devices.into_iter().find(|device| device.info().is_ok()).unwrap_or(ComputeDevice::Wgpu);
    hunyuan_paint_test_support::gpu_or_skip("kernels", device.init())
}

#[cfg(not(any(feature = "gpu", feature = "wgpu", feature = "vulkan", feature = "metal")))]
fn gpu() -> Option<Device> {
    None
}

fn on_devices(test: impl Fn(&mut Pair)) {
    test(&mut Pair::new(&Device::flex(), false, DType::F32));
    if let Some(gpu) = gpu() {
        for dtype in [DType::F32, DType::F16] {
            if gpu.supports_dtype(dtype) {
                test(&mut Pair::new(&gpu, true, dtype));
            }
        }
    }
}

/// The other tests check that a device chooses the kernels that it supports. This one reports the
/// kernels that this device does not support, so that a run without them is not mistaken for a
/// check of them.
#[test]
fn kernels_that_cannot_run_here_are_reported() {
    let gpu = gpu();
    let units = gpu.as_ref().map_or(MatrixUnits::None, MatrixUnits::of);
    let has_half = gpu.as_ref().is_some_and(|gpu| gpu.supports_dtype(DType::F16));
    let missing: &[&str] = match units {
        MatrixUnits::MultiplyElementwise if has_half => &[],
        MatrixUnits::Multiply if has_half => &MATRIX_KERNELS[..1],
        _ => &MATRIX_KERNELS,
    };
    for kernel in missing {
        report(&format!("NOT CHECKED: kernel {kernel}: no device here supports it"));
    }
    if gpu.is_none() {
        for kernel in ["attention_scalar", "matmul_scalar", "group_norm", "layer_norm"] {
            report(&format!("NOT CHECKED: kernel {kernel}: no GPU here"));
        }
    } else if !has_half {
        report("NOT CHECKED: kernels in half precision: the GPU here does not support it");
    }
}

#[test]
fn attention_matches_the_reference() {
    on_devices(|pair| {
        // [batch, key batch, queries, keys, heads, width]: complete and incomplete tiles, shared
        // keys, and every head width of the networks that diffusers has
        for [batch, key_batch, queries, keys, heads, width] in [
            [2, 2, 128, 128, 2, 64],
            [1, 1, 200, 77, 3, 64],
            [3, 1, 65, 300, 1, 64],
            [2, 2, 130, 512, 2, 64],
            [2, 2, 9, 33, 2, 8],
            [2, 1, 70, 77, 8, 40],
            [1, 1, 65, 300, 4, 80],
            [2, 2, 66, 129, 2, 128],
        ] {
            // Scores vary widely, so that the maximum changes from tile to tile.
            let [query, query_cpu] = pair.normal([batch, queries, heads * width], 2.0);
            let [key, key_cpu] = pair.normal([key_batch, keys, heads * width], 2.0);
            let [value, value_cpu] = pair.normal([key_batch, keys, heads * width], 1.0);
            // In the longest sequence the first keys are small, so that later weights overflow half
            // precision.
            let grow = |key: Tensor<3>| match keys {
                512 => {
                    let (first, rest) = (key.clone().narrow(1, 0, 192), key.narrow(1, 192, keys - 192));
                    Tensor::cat(vec![first * 0.25, rest], 1)
                }
                _ => key,
            };
            let (key, key_cpu) = (grow(key), grow(key_cpu));
            let expected = Attention { query: query_cpu, key: key_cpu, value: value_cpu, heads }.reference();
            let kernel = pair.attention_kernel(keys, width);
            let attention = Attention { query, key, value, heads };
            pair.check(&format!("attention {queries} x {keys}, {width}"), &attention, kernel, expected);
        }
    });
}

#[test]
fn linear_layers_match_the_reference() {
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
            let expected = layer(x_cpu, weight_cpu, bias_cpu, added_cpu).reference();
            // On the CPU, burn's own product is used without gates.
            let kernel = pair.product_kernel().filter(|_| pair.is_gpu || gated);
            let layer = layer(x, weight, bias, added);
            pair.check(&format!("linear {rows} x {depth} x {columns}"), &layer, kernel, expected);
        }
    });
}

#[test]
fn convolutions_match_the_reference() {
    on_devices(|pair| {
        for ([batch, channels, height, width, columns], stride, padding, upsample2x) in [
            ([2, 32, 9, 7, 64], 1, Padding::Around, false),
            ([1, 64, 16, 16, 8], 1, Padding::Around, false),
            ([2, 64, 8, 10, 96], 2, Padding::Around, false),
            ([1, 32, 8, 8, 32], 2, Padding::BottomRight, false),
            ([2, 32, 5, 6, 320], 1, Padding::Around, true),
        ] {
            let [map, map_cpu] = pair.normal([batch, channels, height, width], 1.0);
            let [weight, weight_cpu] = pair.normal([columns, channels, 3, 3], 0.1);
            let [bias, bias_cpu] = pair.normal([columns], 1.0);
            let [channel_bias, channel_bias_cpu] = pair.normal([batch, columns], 1.0);
            let conv = |map, weight, bias, channel_bias| Conv3x3 {
                stride,
                padding,
                upsample2x,
                channel_bias: Some(channel_bias).filter(|_| batch > 1),
                ..Conv3x3::new(map, weight, Some(bias))
            };
            let expected = conv(map_cpu, weight_cpu, bias_cpu, channel_bias_cpu).reference();
            let [added, added_cpu] = pair.normal(expected.dims(), 1.0);
            let conv = Conv3x3 { residual: Some(added), ..conv(map, weight, bias, channel_bias) };
            let name = format!("conv {channels} to {columns} at {height} x {width}");
            pair.check(&name, &conv, pair.product_kernel(), expected + added_cpu);
        }
    });
}

/// The kernels need multiples of 32 channels and of 8 columns. Zeros fill up other numbers, such as
/// those of the networks' first and last convolutions.
#[test]
fn convolutions_of_few_channels_match_the_reference() {
    on_devices(|pair| {
        for [channels, columns] in [[4, 32], [12, 32], [32, 3]] {
            let [map, map_cpu] = pair.normal([2, channels, 6, 5], 1.0);
            let [weight, weight_cpu] = pair.normal([columns, channels, 3, 3], 0.1);
            let [bias, bias_cpu] = pair.normal([columns], 1.0);
            let expected = Conv3x3::new(map_cpu, weight_cpu, Some(bias_cpu)).reference();
            let conv = Conv3x3::new(map, weight, Some(bias));
            pair.check(&format!("conv {channels} to {columns}"), &conv, pair.product_kernel(), expected);
        }
    });
}

#[test]
fn pointwise_convolutions_match_the_reference() {
    on_devices(|pair| {
        for [batch, channels, height, width, columns] in [[2, 32, 9, 7, 64], [1, 64, 5, 5, 8]] {
            let [map, map_cpu] = pair.normal([batch, channels, height, width], 1.0);
            let [weight, weight_cpu] = pair.normal([columns, channels, 1, 1], 0.1);
            let [bias, bias_cpu] = pair.normal([columns], 1.0);
            let expected = Conv1x1 { map: map_cpu, weight: weight_cpu, bias: Some(bias_cpu) }.reference();
            let conv = Conv1x1 { map, weight, bias: Some(bias) };
            // On the CPU, burn's own operation is used.
            let kernel = pair.product_kernel().filter(|_| pair.is_gpu);
            let name = format!("pointwise conv {channels} to {columns}");
            pair.check(&name, &conv, kernel, expected.clone());
            pair.compare(&name, conv.run(), expected);
        }
    });
}

#[test]
fn layouts_keep_the_numbers() {
    on_devices(|pair| {
        assert!(is_channels_last(&pair.normal([1], 1.0)[0]));
        let [map, map_cpu] = pair.normal([2, 6, 3, 5], 1.0);
        assert!(!is_channels_last(&map_cpu));
        let tokens_cpu = map_cpu.clone().flatten::<3>(2, 3).swap_dims(1, 2);
        let tokens = to_tokens(map.clone());
        pair.check_equal("tokens of a map", tokens.clone(), tokens_cpu.clone());
        pair.check_equal(
            "tokens of a map in double precision",
            to_tokens(map_cpu.clone()),
            tokens_cpu.clone(),
        );
        pair.check_equal("map of tokens", to_map(tokens, 3, 5), map_cpu.clone());
        pair.check_equal("map of tokens in double precision", to_map(tokens_cpu, 3, 5), map_cpu.clone());

        let [other, other_cpu] = pair.normal([2, 4, 3, 5], 1.0);
        let joined_cpu = Tensor::cat(vec![map_cpu, other_cpu], 1);
        pair.check_equal("joined channels", concat_channels(map, other), joined_cpu);

        for shape in [[4, 6, 3, 3], [4, 6, 1, 1]] {
            let [weight, weight_cpu] = pair.normal(shape, 1.0);
            pair.check_equal("arranged weight", arrange_weight(weight), weight_cpu);
        }
    });
}

#[test]
fn unusual_heads_have_no_gpu_kernel() {
    on_devices(|pair| {
        for (heads, width) in [(2, 6), (1, 132)] {
            let [query, _] = pair.normal([1, 9, heads * width], 1.0);
            let attention = Attention { query: query.clone(), key: query.clone(), value: query, heads };
            assert_eq!(attention.kernel_name(), (!pair.is_gpu).then_some("cpu"), "width {width}");
            assert_eq!(attention.kernel().is_some(), !pair.is_gpu, "width {width}");
        }
    });
}

/// Replaces the weights of a norm, which are initially 1 and 0.
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
fn norms_match_the_reference() {
    on_devices(|pair| {
        for [batch, channels, side, groups] in
            [[2, 64, 9, 32], [1, 320, 33, 32], [1, 1280, 4, 32], [3, 8, 17, 2]]
        {
            // The mean is far from zero, where naive sums of squares lose all precision.
            let [map, _] = pair.normal([batch, channels, side, side], 1.0);
            let map = map + 20.0;
            // The sum is rounded to the device's precision on the CPU, too.
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
            let expected = GroupNorm { map: map_cpu, norm: &norm_cpu, silu: true }.reference();
            let group_norm = GroupNorm { map, norm: &norm, silu: true };
            let kernel = pair.kernel_on("group_norm");
            pair.check(&format!("group norm {channels} at {side}"), &group_norm, kernel, expected);
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
            let expected = LayerNorm { tokens: tokens_cpu, norm: &norm_cpu, epsilon: 1e-5 }.reference();
            let layer_norm = LayerNorm { tokens, norm: &norm, epsilon: 1e-5 };
            // On the CPU, burn's own operation is used.
            let kernel = pair.is_gpu.then_some("layer_norm");
            pair.check(&format!("layer norm {channels}"), &layer_norm, kernel, expected);
        }
    });
}
