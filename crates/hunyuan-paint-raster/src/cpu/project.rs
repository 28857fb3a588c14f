//! Pass 1: vertices from clip space to the image.

use glam::Vec4;
use rayon::prelude::*;

use super::coverage::{CoverageRule, ViewportTransform};

/// Projects every vertex to the image.
pub(super) fn project<R: CoverageRule>(
    clip_positions: &[Vec4],
    transform: ViewportTransform,
) -> Vec<R::Vertex> {
    clip_positions.par_iter().map(|&clip| R::project(clip, transform)).collect()
}
