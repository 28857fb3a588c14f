//! Stage 1: vertices from clip space to the image.

use glam::Vec4;
use rayon::prelude::*;

use crate::Size;

/// A vertex on the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScreenVertex {
    /// Column; pixel centres lie at n + 0.5.
    pub(super) x: f32,
    /// Row, likewise.
    pub(super) y: f32,
    /// Depth from 0 (near) to 1 (far).
    pub(super) depth: f32,
    /// The clip-space w, for perspective correction.
    pub(super) w: f32,
}

/// Half the depth range, just short of one half so that the far plane stays below 1.
pub(super) const DEPTH_SCALE: f32 = 0.49999;

/// Divides by w and maps NDC −1…1 to the centres of the first and last pixel.
pub(super) fn project(clip_positions: &[Vec4], size: Size) -> Vec<ScreenVertex> {
    let (x_scale, y_scale) = ((size.width - 1) as f32, (size.height - 1) as f32);
    let project = |clip: &Vec4| ScreenVertex {
        x: (clip.x / clip.w * 0.5 + 0.5) * x_scale + 0.5,
        y: (clip.y / clip.w * 0.5 + 0.5) * y_scale + 0.5,
        depth: clip.z / clip.w * DEPTH_SCALE + 0.5,
        w: clip.w,
    };
    clip_positions.par_iter().map(project).collect()
}
