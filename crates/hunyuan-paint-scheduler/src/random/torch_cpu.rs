//! PyTorch's CPU generator.

use std::f64::consts::TAU;

use super::{NormalGenerator, mt19937::Mt19937};

/// PyTorch computes 16 numbers at a time.
const BLOCK: usize = 16;

/// `torch.randn` in float32 with a CPU generator: a Mersenne twister and the Box-Muller transform.
///
/// PyTorch's logarithm and cosine are vectorized approximations, so the last bits can differ from
/// PyTorch's.
#[derive(Clone, Debug)]
pub struct TorchCpu {
    engine: Mt19937,
    /// The unused second number of the last pair that was computed in double precision.
    next_normal: Option<f64>,
}

impl TorchCpu {
    /// Creates the equivalent of `torch.Generator().manual_seed(seed)`. Only the lower 32 bits of
    /// the seed count.
    pub fn new(seed: u64) -> Self {
        Self { engine: Mt19937::new(seed as u32), next_normal: None }
    }

    /// Returns a multiple of 2⁻²⁴ in `0..1`.
    fn uniform(&mut self) -> f32 {
        (self.engine.next_u32() & 0x00ff_ffff) as f32 / 16_777_216.0
    }

    /// Returns a multiple of 2⁻⁵³ in `0..1`.
    fn uniform_double(&mut self) -> f64 {
        let (high, low) = (self.engine.next_u32(), self.engine.next_u32());
        let bits = (u64::from(high) << 32 | u64::from(low)) & ((1 << 53) - 1);
        bits as f64 / 9_007_199_254_740_992.0
    }

    fn normal_double(&mut self) -> f64 {
        if let Some(normal) = self.next_normal.take() {
            return normal;
        }
        let (u1, u2) = (self.uniform_double(), self.uniform_double());
        let radius = (-2.0 * libm::log1p(-u2)).sqrt();
        self.next_normal = Some(radius * libm::sin(TAU * u1));
        radius * libm::cos(TAU * u1)
    }

    fn fill_uniform(&mut self, out: &mut [f32]) {
        out.fill_with(|| self.uniform());
    }
}

impl NormalGenerator for TorchCpu {
    fn fill_normal(&mut self, out: &mut [f32]) {
        if out.len() < BLOCK {
            out.fill_with(|| self.normal_double() as f32);
            return;
        }
        self.fill_uniform(out);
        let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
        blocks.iter_mut().for_each(box_muller);
        if !rest.is_empty() {
            // The last block is incomplete: as in PyTorch, the last 16 numbers are drawn again.
            if let Some(tail) = out.last_chunk_mut::<BLOCK>() {
                self.fill_uniform(tail);
                box_muller(tail);
            }
        }
    }
}

/// Turns eight radii and eight angles, uniform in `0..1`, into 16 normal numbers.
fn box_muller(block: &mut [f32; BLOCK]) {
    for i in 0..BLOCK / 2 {
        let (u1, u2) = (1.0 - block[i], block[i + BLOCK / 2]);
        let radius = (-2.0 * libm::log(f64::from(u1)) as f32).sqrt();
        let theta = f64::from(TAU as f32 * u2);
        block[i] = radius * libm::cos(theta) as f32;
        block[i + BLOCK / 2] = radius * libm::sin(theta) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from PyTorch 2.5 on a CPU.
    #[test]
    fn numbers_match_pytorch() {
        let close = |actual: &[f32], expected: &[f32]| {
            actual.iter().zip(expected).all(|(a, e)| (a - e).abs() <= 3.0 * f32::EPSILON * e.abs())
        };
        assert!(close(&TorchCpu::new(0).randn(2), &[1.540_996_1, -0.293_428_9]));
        let twenty = TorchCpu::new(0).randn(20);
        assert!(close(&twenty[..4], &[-1.125_839_8, -1.152_360_2, -0.250_578_58, -0.433_878_8]));
        assert!(close(&twenty[16..], &[0.931_826_6, 1.259_009_2, 2.004_980_6, 0.053_736_903]));
    }

    #[test]
    fn the_second_of_a_pair_is_kept_for_the_next_short_call() {
        let together = TorchCpu::new(3).randn(6);
        let mut generator = TorchCpu::new(3);
        assert_eq!([generator.randn(1), generator.randn(3), generator.randn(2)].concat(), together);

        let mut interrupted = TorchCpu::new(3);
        let first = interrupted.randn(1);
        interrupted.randn(BLOCK);
        assert_eq!([first, interrupted.randn(1)].concat(), together[..2]);
    }

    #[test]
    fn only_the_lower_32_bits_of_the_seed_count() {
        assert_eq!(TorchCpu::new(5).randn(40), TorchCpu::new(5 | 1 << 32).randn(40));
        assert_ne!(TorchCpu::new(5).randn(40), TorchCpu::new(6).randn(40));
    }
}
