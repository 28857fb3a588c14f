//! A photograph of the object: sphere tracing (Hart, 1996) under a key light, a rim light and the sky.
//!
//! Light is summed with a gamma of 2 instead of sRGB's curve, because that needs only square roots.

use glam::{Vec2, Vec3};
use image::RgbaImage;
use rayon::prelude::*;

use crate::{distance::normal, robot};

/// Samples per pixel and axis.
const SUBPIXELS: u32 = 4;

/// The camera: in front of the object and a little above its middle, 2.9 units away.
const EYE: Vec3 = Vec3::new(0.04, 0.62, 2.9);
const TARGET: Vec3 = Vec3::new(0.04, 0.5, 0.0);
/// The tangent of half the vertical field of view.
const HALF_FOV_TANGENT: f32 = 0.2;

/// The direction that light comes from (not of unit length), and its color.
const KEY_LIGHT: (Vec3, Vec3) = (Vec3::new(-0.55, 0.8, 0.8), Vec3::new(1.0, 0.95, 0.87));
const RIM_LIGHT: (Vec3, Vec3) = (Vec3::new(0.9, 0.35, -0.5), Vec3::new(0.3, 0.36, 0.45));
const SKY: Vec3 = Vec3::new(0.50, 0.54, 0.60);
const GROUND: Vec3 = Vec3::new(0.24, 0.22, 0.20);

/// The distance at which a ray counts as having hit the surface.
const SURFACE: f32 = 4e-4;

/// Renders the picture, `side` pixels a side, rows from the top, with straight alpha on a white background.
pub(crate) fn photograph(side: u32) -> RgbaImage {
    let mut picture = RgbaImage::new(side, side);
    let forward = (TARGET - EYE).normalize();
    let right = forward.cross(Vec3::Y).normalize();
    let up = right.cross(forward);
    picture.as_chunks_mut().0.par_iter_mut().enumerate().for_each(|(i, pixel)| {
        let corner = Vec2::new((i % side as usize) as f32, (i / side as usize) as f32);
        let samples: Vec<Vec3> = subpixels()
            .filter_map(|offset| {
                let middle = corner + 0.5 + offset;
                let screen = (middle * 2.0 / side as f32 - 1.0) * HALF_FOV_TANGENT;
                let direction = (forward + right * screen.x - up * screen.y).normalize();
                trace(EYE, direction).map(|p| light(p, direction))
            })
            .collect();
        *pixel = blend(&samples);
    });
    picture
}

/// Returns the mean of the samples that hit something, and their share as alpha.
fn blend(samples: &[Vec3]) -> [u8; 4] {
    if samples.is_empty() {
        return [255, 255, 255, 0];
    }
    let mean = samples.iter().sum::<Vec3>() / samples.len() as f32;
    let [r, g, b] = mean.to_array().map(|c| to_byte(c.sqrt()));
    [r, g, b, to_byte(samples.len() as f32 / (SUBPIXELS * SUBPIXELS) as f32)]
}

/// Returns the centers of a pixel's [`SUBPIXELS`]² cells, as offsets from the pixel's center in pixels.
pub(crate) fn subpixels() -> impl Iterator<Item = Vec2> {
    let offset = |i: u32| (i as f32 + 0.5) / SUBPIXELS as f32 - 0.5;
    (0..SUBPIXELS * SUBPIXELS).map(move |i| Vec2::new(offset(i % SUBPIXELS), offset(i / SUBPIXELS)))
}

/// Rounds 0…1 to the nearest byte.
pub(crate) fn to_byte(value: f32) -> u8 {
    (value * 255.0).round() as u8
}

/// Returns the point where a ray first meets the surface.
fn trace(origin: Vec3, direction: Vec3) -> Option<Vec3> {
    let (mut along, end) = through_box(origin, direction)?;
    while along < end {
        let p = origin + direction * along;
        let free = robot::distance(p);
        if free < SURFACE {
            return Some(p);
        }
        along += free;
    }
    None
}

/// Returns the distances at which a ray enters and leaves the robot's bounds.
fn through_box(origin: Vec3, direction: Vec3) -> Option<(f32, f32)> {
    let [a, b] = robot::BOUNDS.map(|corner| (corner - origin) / direction);
    let (enter, leave) = (a.min(b).max_element().max(0.0), a.max(b).min_element());
    (enter < leave).then_some((enter, leave))
}

/// Returns the light that a point of the surface reflects along a ray.
fn light(p: Vec3, direction: Vec3) -> Vec3 {
    let normal = normal(robot::distance, p, 1e-3);
    let color = robot::color(p);
    let albedo = color * color;

    let (key, key_light) = (KEY_LIGHT.0.normalize(), KEY_LIGHT.1);
    let lit = shadow(p + normal * 0.004, key) * normal.dot(key).max(0.0);
    let rim = normal.dot(RIM_LIGHT.0.normalize()).max(0.0);
    let open = openness(p, normal);
    let sky = GROUND.lerp(SKY, 0.5 + 0.5 * normal.y) * open;
    let diffuse = key_light * lit + RIM_LIGHT.1 * rim * open + sky;

    let half = (key - direction).normalize();
    let gloss = square(square(square(square(square(normal.dot(half).max(0.0))))));
    // Reflection grows at grazing angles (Schlick, 1994, with a smaller exponent).
    let fresnel = square(square(1.0 + normal.dot(direction).min(0.0)));
    let specular = key_light * 0.4 * gloss * lit + SKY * 0.12 * fresnel * open;
    albedo * diffuse + specular
}

fn square(x: f32) -> f32 {
    x * x
}

/// Returns the share, 0…1, of a wide light that reaches a point (Quilez, "Soft shadows in raymarched SDFs").
fn shadow(p: Vec3, towards: Vec3) -> f32 {
    const SHARPNESS: f32 = 9.0;
    const REACH: f32 = 0.7;
    let (mut along, mut lit) = (0.004, 1.0_f32);
    while along < REACH && lit > 0.0 {
        let free = robot::distance(p + towards * along);
        lit = lit.min(SHARPNESS * free / along);
        along += free.clamp(0.01, 0.06);
    }
    let lit = lit.clamp(0.0, 1.0);
    lit * lit * (3.0 - 2.0 * lit)
}

/// Returns the share, 0…1, of the sky that a point sees, estimated from the distance field along the normal.
fn openness(p: Vec3, normal: Vec3) -> f32 {
    let blocked = [0.01_f32, 0.03, 0.06, 0.1, 0.15]
        .map(|step| (step - robot::distance(p + normal * step)).max(0.0) / step);
    let mean = blocked.iter().sum::<f32>() / blocked.len() as f32;
    1.0 - mean
}
