//! What the networks compute with beside their weights, at least: the feature maps at full size that are alive at once. Estimates
//! are below what a run takes, so that nothing is refused that fits.

use crate::{AutoencoderKlConfig, LoadOptions, MemoryNeed, UNet2DConditionConfig};

/// Maps of the outermost width that a UNet has at once: in the last feed-forward layer four times the channels, what goes
/// into it and what is added to it, and three that wait for the way up.
const UNET_MAPS: u64 = 9;

/// Channels of the hidden layer of a feed-forward layer, in widths.
const FEED_FORWARD: u64 = 4;

/// Sizes of a pipeline's networks.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkingMemory {
    unet_channels: u64,
    /// Of the map in full size that has the most channels.
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

    /// A UNet with `batch` images of this size.
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

    /// The autoencoder, which takes one image after the other: a map, its norm, and the next one.
    pub(super) fn vae(&self, stage: &'static str, size: (u32, u32), weights: u64) -> MemoryNeed {
        let map = product([size.0.into(), size.1.into(), self.vae_channels, self.bytes_per_number]);
        let working = map.saturating_mul(2).saturating_add(map / 2);
        MemoryNeed { stage, weights, working, largest_allocation: map }
    }
}

/// As large as a number can be, where it would be larger.
fn product<const N: usize>(factors: [u64; N]) -> u64 {
    factors.into_iter().fold(1, u64::saturating_mul)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn no_size_is_too_large_to_be_counted() {
        let (unet, vae) = (UNet2DConditionConfig::sd21(), AutoencoderKlConfig::sd21());
        let memory = WorkingMemory::new(&unet, &vae, &LoadOptions::from(&Device::flex()));
        let size = (u32::MAX, u32::MAX);
        assert_eq!(memory.unet("", usize::MAX, size, 0).working, u64::MAX);
        assert_eq!(memory.vae("", size, 0).working, u64::MAX);
        // Six views of 512² with guidance: 12 × 64² × 320 numbers of four bytes a map.
        assert_eq!(memory.unet("", 12, (512, 512), 0).largest_allocation, 4 * 12 * 64 * 64 * 320 * 4);
    }
}
