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
        let map = batch as u64 * side(size.0) * side(size.1) * self.unet_channels * self.bytes_per_number;
        MemoryNeed { stage, weights, working: UNET_MAPS * map, largest_allocation: FEED_FORWARD * map }
    }

    /// The autoencoder, which takes one image after the other: a map, its norm, and the next one.
    pub(super) fn vae(&self, stage: &'static str, size: (u32, u32), weights: u64) -> MemoryNeed {
        let map = u64::from(size.0) * u64::from(size.1) * self.vae_channels * self.bytes_per_number;
        MemoryNeed { stage, weights, working: 2 * map + map / 2, largest_allocation: map }
    }
}
