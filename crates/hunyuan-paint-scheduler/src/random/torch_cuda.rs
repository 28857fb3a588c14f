//! PyTorch's CUDA generator.

use std::f64::consts::TAU;

use super::{NormalGenerator, philox4x32::philox4x32_10};

const BLOCK_SIZE: u64 = 256;
/// Numbers that a thread computes at once.
const UNROLL: u64 = 4;

/// The properties of a GPU that determine the order of PyTorch's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CudaDevice {
    /// `multi_processor_count`.
    pub multiprocessors: u32,
    /// `max_threads_per_multi_processor`.
    pub threads_per_multiprocessor: u32,
}

impl Default for CudaDevice {
    /// Returns the properties of an H100 or H200.
    fn default() -> Self {
        Self { multiprocessors: 132, threads_per_multiprocessor: 2048 }
    }
}

/// `torch.randn` in float32 with a CUDA generator: Philox4x32-10, one subsequence per thread, and
/// cuRAND's Box-Muller.
///
/// All devices agree for draws of up to as many numbers as the device runs threads at once (270,336
/// on the default device). The fast sine and cosine of GPUs are approximations; this generator
/// imitates them, and its numbers agree to about 2e-6.
#[derive(Clone, Debug)]
pub struct TorchCuda {
    seed: u64,
    max_threads: u64,
    /// The number of Philox counters that every thread has used.
    offset: u64,
}

impl TorchCuda {
    /// Creates the equivalent of `torch.Generator("cuda").manual_seed(seed)` on an H100 or H200.
    pub fn new(seed: u64) -> Self {
        Self::on_device(seed, CudaDevice::default())
    }

    /// Creates the equivalent of `torch.Generator("cuda").manual_seed(seed)` on the given device.
    pub fn on_device(seed: u64, device: CudaDevice) -> Self {
        let blocks_per_multiprocessor = u64::from(device.threads_per_multiprocessor) / BLOCK_SIZE;
        let blocks = u64::from(device.multiprocessors) * blocks_per_multiprocessor;
        Self { seed, max_threads: blocks.max(1) * BLOCK_SIZE, offset: 0 }
    }
}

impl NormalGenerator for TorchCuda {
    fn fill_normal(&mut self, out: &mut [f32]) {
        let threads = (out.len() as u64).next_multiple_of(BLOCK_SIZE).min(self.max_threads);
        // In each round, thread i computes the numbers i, i + threads, i + 2·threads and i +
        // 3·threads.
        for round in out.chunks_mut((threads * UNROLL).max(1) as usize) {
            for thread in 0..threads.min(round.len() as u64) {
                let counter = [self.offset as u32, (self.offset >> 32) as u32, thread as u32, 0];
                let words = philox4x32_10(counter, self.seed);
                let [a, b] = box_muller(words[0], words[1]);
                let [c, d] = box_muller(words[2], words[3]);
                let own = round.iter_mut().skip(thread as usize).step_by(threads as usize);
                own.zip([a, b, c, d]).for_each(|(value, normal)| *value = normal);
            }
            self.offset = self.offset.wrapping_add(1);
        }
    }
}

/// cuRAND's Box-Muller transform, in which the sine comes first.
fn box_muller(word_0: u32, word_1: u32) -> [f32; 2] {
    const SCALE: f32 = 1.0 / 4_294_967_296.0;
    const ANGLE_SCALE: f32 = SCALE * TAU as f32;
    let u = (word_0 as f32).mul_add(SCALE, SCALE / 2.0);
    let v = (word_1 as f32).mul_add(ANGLE_SCALE, ANGLE_SCALE / 2.0);
    let radius = (-2.0 * libm::log(f64::from(u)) as f32).sqrt();
    // A GPU's fast sine and cosine take the angle in turns, in float32, and return 23 fractional
    // bits.
    let angle = TAU * f64::from(v * (1.0 / TAU) as f32);
    let cut = |x: f64| ((x * 8_388_608.0).trunc() / 8_388_608.0) as f32;
    [radius * cut(libm::sin(angle)), radius * cut(libm::cos(angle))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: &[f32], expected: &[f32]) -> bool {
        actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| (a - e).abs() < 2e-6)
    }

    /// Recorded from PyTorch 2.11 on an H200.
    #[test]
    fn numbers_match_pytorch() {
        assert!(close(&TorchCuda::new(42).randn(4), &[0.194_018_8, 2.161_373_6, -0.172_050_22, 0.849_060_1]));
    }

    /// Recorded from PyTorch 2.11 on an H200: three calls of one generator, the third of which
    /// needs more than one round.
    #[test]
    fn successive_calls_match_pytorch() {
        let mut generator = TorchCuda::new(7);
        generator.randn(100);
        generator.randn(16_384);
        let many = generator.randn(1_200_000);
        let picked = [0, 270_336, 540_672, 811_008, 1_081_344, 1_199_999].map(|i: usize| many[i]);
        let recorded = [0.169_606_79, 3.190_350_3, -0.531_969_6, 0.379_800_65, 1.371_931_2, 1.370_742_8];
        assert!(close(&picked, &recorded));
        assert!(close(&generator.randn(10)[..2], &[-0.102_819_17, -1.699_048_6]));
    }

    #[test]
    fn a_device_without_multiprocessors_works() {
        let device = CudaDevice { multiprocessors: 0, threads_per_multiprocessor: 0 };
        let mut generator = TorchCuda::on_device(1, device);
        assert!(generator.randn(0).is_empty());
        assert_eq!(generator.randn(256), TorchCuda::new(1).randn(256));
    }
}
