//! Single operations of the networks, at small sizes.

use burn::{
    nn::GroupNormConfig,
    tensor::{
        Tensor,
        activation::softmax,
        module::{attention, conv2d},
        ops::{AttentionModuleOptions, ConvOptions},
    },
};
use hunyuan_paint_scheduler::random::{NormalGenerator, Philox};

use super::{
    components::Component,
    exact,
    fixture::{DeviceFixture, values},
};
use crate::case::CaseError;

const MATMUL_SIDE: usize = 256;
const SOFTMAX: [usize; 2] = [64, 1024];
const GROUPS: usize = 32;
const GROUP_NORM: [usize; 4] = [2, 128, 16, 16];
const GROUP_NORM_EPSILON: f64 = 1e-5;
const CONV_CHANNELS: usize = 64;
const CONV_SIDE: usize = 24;
const HEADS: usize = 4;
const TOKENS: usize = 256;
const HEAD_WIDTH: usize = 64;

/// The limits are about five to ten times the differences measured between a CPU and GPUs.
pub(super) fn operations() -> Vec<Component> {
    vec![
        Component::operation("matmul", 2e-4, matmul, || {
            let [a, b] = [1, 2].map(|seed| randn(seed, MATMUL_SIDE * MATMUL_SIDE));
            exact::matmul(&a, &b, MATMUL_SIDE)
        }),
        Component::operation("softmax", 2e-7, softmax_rows, || {
            exact::softmax(&randn(1, SOFTMAX.iter().product()), SOFTMAX[1])
        }),
        Component::operation("group norm", 5e-6, group_norm, || {
            let group = GROUP_NORM[1] / GROUPS * GROUP_NORM[2] * GROUP_NORM[3];
            exact::group_norm(&randn(1, GROUP_NORM.iter().product()), group, GROUP_NORM_EPSILON)
        }),
        Component::operation("conv2d", 5e-4, convolution, || {
            let x = randn(1, CONV_CHANNELS * CONV_SIDE * CONV_SIDE);
            exact::conv3x3(&x, &randn(2, CONV_CHANNELS * CONV_CHANNELS * 9), CONV_CHANNELS, CONV_SIDE)
        }),
        Component::operation("attention", 5e-6, self_attention, || {
            let [q, k, v] = [1, 2, 3].map(|seed| randn(seed, HEADS * TOKENS * HEAD_WIDTH));
            exact::attention(&q, &k, &v, TOKENS, HEAD_WIDTH)
        }),
    ]
}

/// Returns the numbers that [`DeviceFixture::randn`] creates on a device.
fn randn(seed: u64, count: usize) -> Vec<f64> {
    Philox::new(seed).randn(count).into_iter().map(f64::from).collect()
}

fn input<const D: usize>(on: &DeviceFixture, seed: u64, shape: [usize; D]) -> Tensor<D> {
    on.randn(seed, shape).cast(on.precision.dtype())
}

fn matmul(on: &DeviceFixture) -> Result<Vec<f32>, CaseError> {
    let [a, b] = [1, 2].map(|seed| input(on, seed, [MATMUL_SIDE, MATMUL_SIDE]));
    values(a.matmul(b))
}

fn softmax_rows(on: &DeviceFixture) -> Result<Vec<f32>, CaseError> {
    values(softmax(input(on, 1, SOFTMAX), 1))
}

fn group_norm(on: &DeviceFixture) -> Result<Vec<f32>, CaseError> {
    let norm = GroupNormConfig::new(GROUPS, GROUP_NORM[1])
        .with_epsilon(GROUP_NORM_EPSILON)
        .with_affine(false)
        .init(&on.device);
    values(norm.forward(input(on, 1, GROUP_NORM)))
}

fn convolution(on: &DeviceFixture) -> Result<Vec<f32>, CaseError> {
    let x = input(on, 1, [1, CONV_CHANNELS, CONV_SIDE, CONV_SIDE]);
    let weight = input(on, 2, [CONV_CHANNELS, CONV_CHANNELS, 3, 3]);
    let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
    values(conv2d(x, weight, None, options))
}

fn self_attention(on: &DeviceFixture) -> Result<Vec<f32>, CaseError> {
    let [q, k, v] = [1, 2, 3].map(|seed| input(on, seed, [1, HEADS, TOKENS, HEAD_WIDTH]));
    values(attention(q, k, v, None, None, AttentionModuleOptions::default()))
}
