//! What the stages are told.

use std::ops::Range;

use super::{mesh::Chunk, rasterizer::Shares};
use crate::cpu::Placement;

/// What a stage is told, as in `common.wgsl`.
#[derive(Clone, Debug)]
pub(super) struct Params<'a> {
    pub(super) placement: Placement,
    pub(super) width: u32,
    pub(super) rows: Range<u32>,
    pub(super) chunk: Option<(u32, &'a Chunk)>,
    pub(super) second_pass: u32,
    pub(super) has_depth_prior: bool,
    /// All channels, the first of this dispatch, and how many it has.
    pub(super) channels: [u32; 3],
}

impl Params<'_> {
    pub(super) fn words(&self, background_key: u32, shares: Shares) -> [u32; 20] {
        let [chunk, vertex_count, first_face, face_count] = match self.chunk {
            None => [0; 4],
            Some((index, chunk)) => [index, chunk.vertex_count, chunk.first_face, chunk.face_count],
        };
        let [channel_count, first_channel, group_channels] = self.channels;
        [
            self.placement.span[0],
            self.placement.span[1],
            self.placement.half_pixels,
            self.width,
            self.rows.start,
            self.rows.len() as u32,
            chunk,
            vertex_count,
            first_face,
            face_count,
            self.second_pass,
            u32::from(self.has_depth_prior),
            channel_count,
            first_channel,
            group_channels,
            background_key,
            shares.small_pixels,
            shares.medium_side,
            // The zero that only the host knows.
            0,
            // Uniforms have whole pairs of words.
            0,
        ]
    }
}
