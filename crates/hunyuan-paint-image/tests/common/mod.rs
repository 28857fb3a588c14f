//! Test images that are easy to reproduce in other languages, and the hash of the recorded results.

#![allow(dead_code, reason = "each test file uses other functions of this module")]

use image::{GrayImage, Luma};

/// Returns `count` bytes of the linear congruential generator of Numerical Recipes: the top 8 bits
/// of each state.
pub(crate) fn noise(seed: u32, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// Returns an image of blocks of `block` x `block` pixels of random gray. It has edges, corners and
/// junctions.
pub(crate) fn blocks(seed: u32, width: u32, height: u32, block: u32) -> GrayImage {
    let columns = width.div_ceil(block);
    let values = noise(seed, (columns * height.div_ceil(block)) as usize);
    GrayImage::from_fn(width, height, |x, y| Luma([values[(y / block * columns + x / block) as usize]]))
}

/// Returns a mask that is 255 where [`blocks`] is below `threshold`, and 0 elsewhere.
pub(crate) fn block_mask(seed: u32, width: u32, height: u32, block: u32, threshold: u8) -> GrayImage {
    let mut mask = blocks(seed, width, height, block);
    for value in mask.iter_mut() {
        *value = if *value < threshold { 255 } else { 0 };
    }
    mask
}

/// Returns the 64-bit FNV-1a hash.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
