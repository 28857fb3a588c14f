//! A drawn view, which stays on the GPU until it is read back.

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
    /// The maxima of `!depth` and `depth + 1` over all pixels that show a face, where `depth` is
    /// the ordered integer of the coverage rule; zeros if no pixel does.
    pub(super) depth_range: wgpu::Buffer,
}

/// The rows of a drawn view that share buffers. These are all rows, unless the device cannot bind
/// buffers that large.
#[derive(Debug)]
#[non_exhaustive]
pub struct GpuBand {
    /// The range of rows.
    pub rows: Range<u32>,
    /// One `u32` per pixel, row by row: the face index, or [`NO_FACE`](crate::NO_FACE).
    pub face_index: wgpu::Buffer,
    /// Three `f32` per pixel.
    pub barycentrics: wgpu::Buffer,
    /// One `f32` per attribute channel and pixel, the channels of a pixel next to each other.
    pub attributes: Option<wgpu::Buffer>,
    /// One `u32` per pixel: 1 if it shows a face, else 0.
    pub mask: Option<wgpu::Buffer>,
}

impl GpuView {
    /// Returns the size of the image.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Returns the buffers of the view, in bands from the first row on.
    pub fn bands(&self) -> &[GpuBand] {
        &self.bands
    }

    /// Returns the number of attribute values per pixel.
    pub fn channel_count(&self) -> usize {
        self.channel_count
    }

    /// Reads face indices, barycentrics and the depth range back.
    ///
    /// # Errors
    /// Fails if the device is lost or out of memory.
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

    /// Reads the least and the greatest NDC depth of all pixels that show a face back; `None` if no
    /// pixel does.
    ///
    /// # Errors
    /// Fails if the device is lost or out of memory.
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

    /// Reads the attributes of all pixels back, row by row, [`channel_count`](Self::channel_count)
    /// values per pixel. The result is empty if the draw had no attributes.
    ///
    /// # Errors
    /// Fails if the device is lost or out of memory.
    pub async fn attributes(&self) -> Result<Vec<f32>, RasterError> {
        let bytes = self.read(|band| band.attributes.as_ref(), self.channel_count).await?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }

    /// Reads the mask back: whether each pixel shows a face. The result is empty if the draw had no
    /// mask.
    ///
    /// # Errors
    /// Fails if the device is lost or out of memory.
    pub async fn mask(&self) -> Result<Vec<bool>, RasterError> {
        let bytes = self.read(|band| band.mask.as_ref(), 1).await?;
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(&bytes);
        Ok(words.into_iter().map(|word| word != 0).collect())
    }

    /// Reads one buffer of all bands back, with `words` 32-bit words per pixel.
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
