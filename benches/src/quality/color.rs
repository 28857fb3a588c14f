//! Color of a test object by position: gradient, patches, stripes and noise, coarse enough for
//! views of 512².

use glam::Vec3;

/// A color, 0 to 255 per channel, as a function of the position in canonical space.
pub type ColorAt = fn(Vec3) -> [f32; 3];

/// Colors of the patches.
const PATCHES: [Vec3; 2] = [Vec3::new(0.85, 0.30, 0.20), Vec3::new(0.15, 0.45, 0.60)];

/// The color of the stripes.
const STRIPES: Vec3 = Vec3::new(0.95, 0.85, 0.35);

/// Edges of the patches, which fade over about 7 pixels of a view of 512².
const PATCH_EDGE: [f32; 2] = [0.5, 0.62];

/// Period of the stripes in units of canonical space: 47 pixels of a view of 512², 5 of them
/// fading.
const STRIPE_PERIOD: f32 = 0.11;

/// Cell sizes of the noise in units of canonical space, and amplitudes. The smallest cell is 11
/// pixels of a view of 512².
const OCTAVES: [(f32, f32); 3] = [(0.09, 0.24), (0.045, 0.14), (0.025, 0.08)];

/// Returns the color of the test objects.
pub fn patchwork(place: Vec3) -> [f32; 3] {
    // 1. A gradient that differs in all directions.
    let mut color = Vec3::splat(0.5) + 0.35 * place;
    // 2. Patches, the second one striped.
    let patch = noise(place / 0.17, 1);
    color = color.lerp(PATCHES[0], fade(patch.x));
    color = color.lerp(PATCHES[1], fade(patch.y));
    let along = place.dot(Vec3::new(0.45, 0.75, 0.48)) / STRIPE_PERIOD;
    let stripe = smoothstep([-0.35, 0.35], (along * std::f32::consts::TAU).sin());
    color = color.lerp(STRIPES, stripe * fade(patch.z));
    // 3. Noise.
    for (seed, (cell, amplitude)) in (2..).zip(OCTAVES) {
        color += amplitude * (noise(place / cell, seed) - 0.5);
    }
    (255.0 * color.clamp(Vec3::ZERO, Vec3::ONE)).to_array()
}

fn fade(noise: f32) -> f32 {
    smoothstep(PATCH_EDGE, noise)
}

fn smoothstep([from, to]: [f32; 2], value: f32) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Returns three channels of value noise, 0 to 1, with cells of size 1.
fn noise(place: Vec3, seed: u32) -> Vec3 {
    let cell = place.floor();
    let t = place - cell;
    let t = t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let first = cell.to_array().map(|c| c as i32 as u32);
    let corner = |x, y, z| lattice([0, 1, 2].map(|i| first[i].wrapping_add([x, y, z][i])), seed);
    let row = |y, z| corner(0, y, z).lerp(corner(1, y, z), t.x);
    let plane = |z| row(0, z).lerp(row(1, z), t.y);
    plane(0).lerp(plane(1), t.z)
}

/// Returns random values of a lattice point, 0 to 1.
fn lattice([x, y, z]: [u32; 3], seed: u32) -> Vec3 {
    let mixed = mix(x ^ mix(y ^ mix(z ^ mix(seed))));
    let bits = |shift: u32| ((mixed >> shift) & 0x3ff) as f32 / 1023.0;
    Vec3::new(bits(0), bits(10), bits(20))
}

/// Mixes the bits of a number (the finalizer of `MurmurHash3`, with an offset because it maps 0 to
/// 0).
fn mix(number: u32) -> u32 {
    let mut h = number.wrapping_add(0x9e37_79b9);
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_smooth_and_differ() {
        let places = (0..2000).map(|i| Vec3::new(-0.5 + i as f32 * 5e-4, 0.1, -0.2));
        let colors: Vec<Vec3> = places.map(|place| Vec3::from(patchwork(place))).collect();
        // 5e-4 is a fifth of a pixel of a view of 512².
        assert!(colors.windows(2).all(|pair| pair[0].distance(pair[1]) < 20.0));
        let mean = colors.iter().sum::<Vec3>() / colors.len() as f32;
        let variance = colors.iter().map(|c| (c - mean).powf(2.0)).sum::<Vec3>() / colors.len() as f32;
        assert!(variance.min_element() > 15.0 * 15.0, "{variance}");
    }
}
