//! Lower bounds of the memory for intermediate results: the full-size feature maps that are alive
//! at the same time. A run takes more than the estimate, so nothing that fits is refused.

use crate::{AutoencoderKlConfig, LoadOptions, MemoryNeed, UNet2DConditionConfig};

/// Feature maps of the outermost level that a UNet has at the same time: four for the hidden layer
/// of the last feed-forward layer, its input and its residual, and three skip connections.
const UNET_MAPS: u64 = 9;

/// Width of a feed-forward layer's hidden layer, relative to its input.
const FEED_FORWARD: u64 = 4;

/// Sizes of a pipeline's networks.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkingMemory {
    unet_channels: u64,
    /// Channels of the widest full-size feature map.
    vae_channels: u64,
    spatial_factor: u64,
    bytes_per_number: u64,
}

impl WorkingMemory {
    pub(super) fn new(
        unet: &UNet2DConditionConfig,
        vae: &AutoencoderKlConfig,
        options: &LoadOptions,
    ) -> Self {
        let widest = vae.block_out_channels.iter().take(2).max();
        Self {
            unet_channels: unet.block_out_channels.first().copied().unwrap_or_default() as u64,
            vae_channels: widest.copied().unwrap_or_default() as u64,
            spatial_factor: vae.spatial_factor() as u64,
            bytes_per_number: options.precision.dtype().size() as u64,
        }
    }

    /// Returns the need of a UNet for `batch` images of this size in pixels.
    pub(super) fn unet(
        &self,
        stage: &'static str,
        batch: usize,
        size: (u32, u32),
        weights: u64,
    ) -> MemoryNeed {
        let side = |pixels: u32| u64::from(pixels) / self.spatial_factor;
        let map =
            product([batch as u64, side(size.0), side(size.1), self.unet_channels, self.bytes_per_number]);
        let [working, largest_allocation] = [UNET_MAPS, FEED_FORWARD].map(|maps| maps.saturating_mul(map));
        MemoryNeed { stage, weights, working, largest_allocation }
    }

    /// Returns the need of the autoencoder, which processes one image at a time: a feature map, its
    /// norm, and half of the next feature map.
    pub(super) fn vae(&self, stage: &'static str, size: (u32, u32), weights: u64) -> MemoryNeed {
        let map = product([size.0.into(), size.1.into(), self.vae_channels, self.bytes_per_number]);
        let working = map.saturating_mul(2).saturating_add(map / 2);
        MemoryNeed { stage, weights, working, largest_allocation: map }
    }
}

/// Multiplies, and saturates instead of overflowing.
fn product<const N: usize>(factors: [u64; N]) -> u64 {
    factors.into_iter().fold(1, u64::saturating_mul)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn huge_sizes_saturate() {
        let (unet, vae) = (UNet2DConditionConfig::sd21(), AutoencoderKlConfig::sd21());
        let memory = WorkingMemory::new(&unet, &vae, &LoadOptions::from(&Device::flex()));
        let size = (u32::MAX, u32::MAX);
        assert_eq!(memory.unet("", usize::MAX, size, 0).working, u64::MAX);
        assert_eq!(memory.vae("", size, 0).working, u64::MAX);
        // Six views of 512² with guidance: a feature map is 12 × 64² × 320 numbers of four bytes.
        assert_eq!(memory.unet("", 12, (512, 512), 0).largest_allocation, 4 * 12 * 64 * 64 * 320 * 4);
    }
}
