//! A drawn view, which stays on the GPU until it is asked for.

use std::ops::Range;

use super::device::GpuDevice;
use crate::{
    Coverage, RasterError, Size, VisibilityBuffer,
    cpu::{depth_of, ndc_depth},
};

/// A drawn view on the GPU.
#[derive(Debug)]
pub struct GpuView {
    pub(super) device: GpuDevice,
    pub(super) size: Size,
    pub(super) coverage: Coverage,
    pub(super) channel_count: usize,
    pub(super) bands: Vec<GpuBand>,
    /// The greatest ~depth and depth + 1, as the rule's ordered integers.
    pub(super) depth_range: wgpu::Buffer,
}

/// The rows of a drawn view that share buffers: all of them, unless a buffer would be larger than the device can
/// bind.
#[derive(Debug)]
#[non_exhaustive]
pub struct GpuBand {
    /// Which rows.
    pub rows: Range<u32>,
    /// A `u32` for each pixel, row by row: the face, or [`NO_FACE`](crate::NO_FACE).
    pub face_index: wgpu::Buffer,
    /// Three `f32` for each pixel.
    pub barycentrics: wgpu::Buffer,
    /// An `f32` for each of the attributes' channels, for each pixel.
    pub attributes: Option<wgpu::Buffer>,
    /// A `u32` for each pixel: 1 where it shows a face, 0 elsewhere.
    pub mask: Option<wgpu::Buffer>,
}

impl GpuView {
    /// The size of the image.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The view's buffers.
    pub fn bands(&self) -> &[GpuBand] {
        &self.bands
    }

    /// Numbers for each pixel that the attributes have.
    pub fn channel_count(&self) -> usize {
        self.channel_count
    }

    /// Reads faces, barycentrics and the depth range back.
    ///
    /// # Errors
    /// If the device is lost, or has no room.
    pub async fn visibility(&self) -> Result<VisibilityBuffer, RasterError> {
        let face_index = self.read(|band| Some(&band.face_index), 1).await?;
        let barycentrics = self.read(|band| Some(&band.barycentrics), 3).await?;
        let Size { width, height } = self.size;
        Ok(VisibilityBuffer {
            face_index: bytemuck::pod_collect_to_vec(&face_index),
            barycentrics: bytemuck::pod_collect_to_vec(&barycentrics),
            depth_range: self.depth_range().await?,
            width,
            height,
        })
    }

    /// Reads the least and the greatest NDC depth that a pixel shows; `None` if all show the background.
    ///
    /// # Errors
    /// If the device is lost, or has no room.
    pub async fn depth_range(&self) -> Result<Option<[f32; 2]>, RasterError> {
        let mut bytes = Vec::new();
        self.device.read(&self.depth_range, 8, &mut bytes).await?;
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(&bytes);
        Ok(match words[..] {
            [near, far] if far > 0 => {
                Some([!near, far - 1].map(|ordered| ndc_depth(depth_of(self.coverage, ordered))))
            }
            _ => None,
        })
    }

    /// Reads the attributes of all pixels back, row by row, [`channel_count`](Self::channel_count) numbers each;
    /// nothing if none were asked for.
    ///
    /// # Errors
    /// If the device is lost, or has no room.
    pub async fn attributes(&self) -> Result<Vec<f32>, RasterError> {
        let bytes = self.read(|band| band.attributes.as_ref(), self.channel_count).await?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }

    /// Reads the mask back: whether each pixel shows a face; nothing if it was not asked for.
    ///
    /// # Errors
    /// If the device is lost, or has no room.
    pub async fn mask(&self) -> Result<Vec<bool>, RasterError> {
        let bytes = self.read(|band| band.mask.as_ref(), 1).await?;
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(&bytes);
        Ok(words.into_iter().map(|word| word != 0).collect())
    }

    /// The bytes of one buffer of all bands, with so many words a pixel.
    async fn read(
        &self,
        buffer_of: impl Fn(&GpuBand) -> Option<&wgpu::Buffer>,
        words: usize,
    ) -> Result<Vec<u8>, RasterError> {
        let mut bytes = Vec::new();
        for band in &self.bands {
            if let Some(buffer) = buffer_of(band) {
                let band_bytes = u64::from(self.size.width) * band.rows.len() as u64 * 4 * words as u64;
                self.device.read(buffer, band_bytes, &mut bytes).await?;
            }
        }
        Ok(bytes)
    }
}
