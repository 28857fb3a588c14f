//! The arithmetic that drawing and resolving share: barycentrics on the image.

use std::array::from_fn;

use super::project::ScreenVertex;

/// A triangle with an area, set up for barycentrics at many points.
///
/// The weights of the second and third vertex are ratios of signed areas; the first is what remains of 1.
/// The order of operations is the original's, float32 but for that remainder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Triangle {
    vertices: [ScreenVertex; 3],
    /// Second vertex minus first.
    ab: [f32; 2],
    /// Third vertex minus first.
    ac: [f32; 2],
    inverse_area: f32,
}

impl Triangle {
    /// `None` if it cannot cover anything: its area is zero, or a coordinate is not finite.
    pub(super) fn new(vertices: [ScreenVertex; 3]) -> Option<Self> {
        let [a, b, c] = vertices;
        let finite = vertices.iter().all(|v| v.x.is_finite() && v.y.is_finite());
        let (ab, ac) = ([b.x - a.x, b.y - a.y], [c.x - a.x, c.y - a.y]);
        let area = ac[0] * ab[1] - ab[0] * ac[1];
        (finite && area != 0.0).then(|| Self { vertices, ab, ac, inverse_area: 1.0 / area })
    }

    /// The barycentrics along the row of pixels with that y, as a function of `L` neighbouring x at once.
    pub(super) fn along_row<const L: usize>(&self, y: f32) -> impl Fn([f32; L]) -> [[f32; L]; 3] + use<L> {
        let Self { vertices: [a, ..], ab, ac, inverse_area } = *self;
        let dy = y - a.y;
        let (ac_dy, ab_dy) = (ac[0] * dy, ab[0] * dy);
        move |x| {
            let dx = x.map(|x| x - a.x);
            let beta = dx.map(|dx| (ac_dy - dx * ac[1]) * inverse_area);
            let gamma = dx.map(|dx| (dx * ab[1] - ab_dy) * inverse_area);
            let alpha = from_fn(|i| (1.0 - f64::from(beta[i]) - f64::from(gamma[i])) as f32);
            [alpha, beta, gamma]
        }
    }

    /// Depth at `L` points, from 0 (near) to 1 (far); linear on the image.
    pub(super) fn depth<const L: usize>(&self, [alpha, beta, gamma]: [[f32; L]; 3]) -> [f32; L] {
        let [a, b, c] = self.vertices.map(|v| v.depth);
        from_fn(|i| alpha[i] * a + beta[i] * b + gamma[i] * c)
    }

    /// Barycentrics on the image to barycentrics in space.
    pub(super) fn perspective_correct(&self, barycentrics: [f32; 3]) -> [f32; 3] {
        let [a, b, c] = self.vertices.map(|v| v.w);
        let [alpha, beta, gamma] = barycentrics;
        let [alpha, beta, gamma] = [alpha / a, beta / b, gamma / c];
        let scale = 1.0 / (alpha + beta + gamma);
        [alpha * scale, beta * scale, gamma * scale]
    }
}
