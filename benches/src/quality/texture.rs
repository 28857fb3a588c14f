//! Texture sampling as in viewers.

use glam::Vec2;
use image::RgbImage;
use rayon::prelude::*;

/// Number of levels of detail; each has half the side of the previous one.
pub const MIP_LEVELS: usize = 4;

/// A texture with its mipmaps, each texel the mean of 2 × 2 texels of the previous level.
#[derive(Debug)]
pub struct Texture {
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    size: usize,
    texels: Vec<[f32; 3]>,
}

impl Texture {
    /// Returns a square texture; a longer side is cut off.
    pub fn new(image: &RgbImage) -> Self {
        let size = image.width().min(image.height()) as usize;
        let rows = image.as_chunks::<3>().0.chunks_exact(image.width().max(1) as usize).take(size);
        let texels = rows.flat_map(|row| &row[..size]).map(|texel| texel.map(f32::from)).collect();
        let mut levels = vec![Level { size, texels }];
        while levels.len() < MIP_LEVELS {
            levels.push(levels[levels.len() - 1].halved());
        }
        Self { levels }
    }

    /// Returns the color at a UV of canonical space, 0 to 255: bilinear, with texel centers at
    /// half-integers; samples outside are clamped to the edge. A level that does not exist means
    /// the last one.
    pub fn sample(&self, level: usize, uv: Vec2) -> [f32; 3] {
        self.levels[level.min(MIP_LEVELS - 1)].sample(uv)
    }
}

impl Level {
    fn halved(&self) -> Self {
        let size = (self.size / 2).max(1);
        let last = self.size - 1;
        let texel = |x: usize, y: usize| self.texels[y.min(last) * self.size + x.min(last)];
        let texels = (0..size * size).into_par_iter().map(|i| {
            let (x, y) = (i % size * 2, i / size * 2);
            let four = [texel(x, y), texel(x + 1, y), texel(x, y + 1), texel(x + 1, y + 1)];
            std::array::from_fn(|channel| four.iter().map(|texel| texel[channel]).sum::<f32>() / 4.0)
        });
        Self { size, texels: texels.collect() }
    }

    fn sample(&self, uv: Vec2) -> [f32; 3] {
        let last = self.size - 1;
        let neighbors = |coordinate: f32| {
            let texel = (coordinate * self.size as f32 - 0.5).clamp(0.0, last as f32);
            let first = texel as usize;
            (first, (first + 1).min(last), texel - first as f32)
        };
        let ((left, right, x), (top, bottom, y)) = (neighbors(uv.x), neighbors(uv.y));
        let [a, b] = [left, right].map(|x| self.texels[top * self.size + x]);
        let [c, d] = [left, right].map(|x| self.texels[bottom * self.size + x]);
        std::array::from_fn(|i| {
            let upper = a[i] + (b[i] - a[i]) * x;
            let lower = c[i] + (d[i] - c[i]) * x;
            upper + (lower - upper) * y
        })
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn texel_centers_lie_at_half_integers_on_every_level() {
        let texture = Texture::new(&RgbImage::from_fn(16, 16, |x, y| Rgb([x as u8 * 10, y as u8 * 10, 7])));
        assert_eq!(texture.sample(0, Vec2::new(3.5, 12.5) / 16.0), [30.0, 120.0, 7.0]);
        assert_eq!(texture.sample(0, Vec2::new(4.0, 12.75) / 16.0), [35.0, 122.5, 7.0]);
        // A ramp is the same ramp on all levels, except near the border.
        for level in 0..MIP_LEVELS {
            assert_eq!(texture.sample(level, Vec2::new(0.5, 0.5)), [75.0, 75.0, 7.0]);
        }
        assert_eq!(texture.sample(0, Vec2::new(-1.0, 2.0)), [0.0, 150.0, 7.0]);
    }
}
