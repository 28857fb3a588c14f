//! Timing of a view with the timestamp queries of the device.

use std::{iter, time::Duration};

use super::{
    mesh::GpuMesh,
    rasterizer::{Dispatch, GpuDraw, GpuRasterizer},
    shaders::RasterPass,
};
use crate::RasterError;

/// The number of compute passes that are timed at once. Each takes two timestamps, and a query set
/// holds at most 4,096.
const PASSES_PER_QUERY_SET: usize = 1024;

impl GpuRasterizer {
    /// Draws one view `repetitions` times, and returns the time of each repetition on the device.
    ///
    /// # Errors
    /// Fails like [`draw`](Self::draw), or if the device has no timestamp queries.
    pub async fn time(
        &mut self,
        mesh: &GpuMesh,
        draw: &GpuDraw<'_>,
        repetitions: u32,
    ) -> Result<Vec<Duration>, RasterError> {
        let mut dispatches = Vec::new();
        let device = self.device.clone();
        let _view = device.with_error_scopes("drawing", || self.plan(mesh, draw, &mut dispatches)).await?;
        let mut times = Vec::new();
        while times.len() < repetitions as usize {
            let count = PASSES_PER_QUERY_SET.min(repetitions as usize - times.len());
            let passes: Vec<&[Dispatch]> = iter::repeat_n(&dispatches[..], count).collect();
            times.extend(self.time_passes(&passes).await?);
        }
        Ok(times)
    }

    /// Draws one view, and returns each dispatch's pass and time on the device, in order. Each
    /// dispatch is timed on its own, so that the sum is larger than the result of
    /// [`time`](Self::time).
    ///
    /// # Errors
    /// Fails like [`time`](Self::time).
    pub async fn time_stages(
        &mut self,
        mesh: &GpuMesh,
        draw: &GpuDraw<'_>,
    ) -> Result<Vec<(RasterPass, Duration)>, RasterError> {
        let mut dispatches = Vec::new();
        let device = self.device.clone();
        let _view = device.with_error_scopes("drawing", || self.plan(mesh, draw, &mut dispatches)).await?;
        let mut times = Vec::new();
        let passes: Vec<&[Dispatch]> = dispatches.chunks(1).collect();
        for passes in passes.chunks(PASSES_PER_QUERY_SET) {
            times.extend(self.time_passes(passes).await?);
        }
        Ok(dispatches.iter().map(|dispatch| dispatch.pass).zip(times).collect())
    }

    async fn time_passes(&self, passes: &[&[Dispatch]]) -> Result<Vec<Duration>, RasterError> {
        let device = &self.device;
        let operation = "timing";
        if !device.has_timestamps() {
            return Err(RasterError::Gpu {
                operation,
                reason: "the device does not support timestamp queries".into(),
            });
        }
        let count = 2 * passes.len() as u32;
        let bytes = u64::from(count) * 8;
        let resolved = device
            .with_error_scopes(operation, || {
                let queries = device.wgpu_device().create_query_set(&wgpu::QuerySetDescriptor {
                    label: Some("timestamps"),
                    ty: wgpu::QueryType::Timestamp,
                    count,
                });
                let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
                let resolved = device.buffer("timestamps", bytes, usage);
                let mut encoder = device.wgpu_device().create_command_encoder(&Default::default());
                for (dispatches, pass) in passes.iter().zip(0..) {
                    let timestamp_writes = wgpu::ComputePassTimestampWrites {
                        query_set: &queries,
                        beginning_of_pass_write_index: Some(2 * pass),
                        end_of_pass_write_index: Some(2 * pass + 1),
                    };
                    let descriptor =
                        wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(timestamp_writes) };
                    self.record(&mut encoder.begin_compute_pass(&descriptor), dispatches);
                }
                encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
                device.wgpu_queue().submit([encoder.finish()]);
                Ok(resolved)
            })
            .await?;
        let mut read = Vec::new();
        device.read(&resolved, bytes, &mut read).await?;
        let ticks: Vec<[u64; 2]> = bytemuck::pod_collect_to_vec(&read);
        let period = f64::from(device.wgpu_queue().get_timestamp_period());
        let duration = |[start, end]: [u64; 2]| end.saturating_sub(start) as f64 * period * 1e-9;
        Ok(ticks.into_iter().map(duration).map(Duration::from_secs_f64).collect())
    }
}
