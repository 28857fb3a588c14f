//! Bounds of the object of a cutout.

use image::RgbaImage;

use crate::pixels::pixel_bytes;

/// Lowest alpha of a clearly opaque pixel: at least half of it belongs to the object. Remains of a
/// background are fainter in practice.
const OPAQUE_ALPHA: u8 = 128;
/// A part with fewer clearly opaque pixels than this fraction of the part with the most is a speck.
/// Such a part is less than 1/32 as wide as the object, while separate real parts (two shoes, a
/// hovering gem) are larger. The largest part is the measure, and not the whole object, so that an
/// object of many equal parts keeps all of them.
const SPECK_FRACTION: u64 = 1000;
/// Specks count as part of the object if they are no farther from it than this fraction of its
/// longer side. There they are mostly hair or a dithered edge, and they hardly shrink the object.
const NEAR_FRACTION: u32 = 32;

/// Rule for the bounds of a cutout's object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CropRule {
    /// Bounds of the parts that are clearly opaque somewhere.
    ///
    /// A part is a set of pixels with alpha above 0 that are connected horizontally, vertically or
    /// diagonally, so soft edges are never cut. A part is ignored as a speck if it has no pixel
    /// with alpha of at least 128, or fewer such pixels than 1/1000 of the part that has the most.
    /// Specks that are near, within 1/32 of the longer side of the other parts' bounds (rounded up),
    /// are not ignored. If no part has such a pixel, the rule is [`AnyAlpha`](Self::AnyAlpha).
    #[default]
    Opaque,
    /// Bounds of all pixels with alpha above 0, the rule of the original pipeline. One stray pixel
    /// of alpha 1 in a corner shrinks the object.
    AnyAlpha,
}

/// Bounds of an object, and what is outside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crop {
    /// Bounds of the object.
    pub(crate) bounds: Bounds,
    /// Number of specks that reach outside the bounds.
    pub(crate) specks: usize,
}

/// Pixels with `left <= x < right` and `top <= y < bottom`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) right: u32,
    pub(crate) bottom: u32,
}

impl Bounds {
    pub(crate) fn width(self) -> u32 {
        self.right - self.left
    }

    pub(crate) fn height(self) -> u32 {
        self.bottom - self.top
    }

    fn union(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn contains(self, other: Self) -> bool {
        self.union(other) == self
    }

    fn grown(self, margin: u32) -> Self {
        Self {
            left: self.left.saturating_sub(margin),
            top: self.top.saturating_sub(margin),
            right: self.right.saturating_add(margin),
            bottom: self.bottom.saturating_add(margin),
        }
    }
}

/// Returns the bounds of the object by a rule, or `None` if the image is transparent everywhere.
pub(crate) fn crop(image: &RgbaImage, rule: CropRule) -> Option<Crop> {
    let parts = parts(image);
    let of_all = parts.iter().map(|part| part.bounds).reduce(Bounds::union)?;
    let most = parts.iter().map(|part| part.opaque_pixels).max()?;
    if rule == CropRule::AnyAlpha || most == 0 {
        return Some(Crop { bounds: of_all, specks: 0 });
    }
    let is_speck =
        |part: &&Part| part.opaque_pixels == 0 || part.opaque_pixels.saturating_mul(SPECK_FRACTION) < most;
    let object = parts.iter().filter(|part| !is_speck(part)).map(|part| part.bounds);
    let object = object.reduce(Bounds::union)?;
    let near = object.grown(object.width().max(object.height()).div_ceil(NEAR_FRACTION));
    let specks = || parts.iter().filter(is_speck).map(|speck| speck.bounds);
    let bounds = specks().filter(|speck| near.contains(*speck)).fold(object, Bounds::union);
    Some(Crop { bounds, specks: specks().filter(|speck| !bounds.contains(*speck)).count() })
}

/// A connected set of pixels with alpha above 0.
#[derive(Clone, Copy)]
struct Part {
    bounds: Bounds,
    /// Number of pixels with alpha of at least [`OPAQUE_ALPHA`].
    opaque_pixels: u64,
}

/// Adjacent pixels of a row with alpha above 0: `start <= x < end`.
struct Run {
    start: usize,
    end: usize,
    /// Index of the part.
    part: usize,
}

/// Parts that are joined as rows are added (union-find).
#[derive(Default)]
struct Parts {
    /// For each part the index of itself or of a part that it was joined to, which is smaller.
    parents: Vec<usize>,
    parts: Vec<Part>,
}

impl Parts {
    fn push(&mut self, part: Part) -> usize {
        self.parents.push(self.parts.len());
        self.parts.push(part);
        self.parts.len() - 1
    }

    /// Returns the index of the part that a part was joined to in the end.
    fn root(&mut self, mut part: usize) -> usize {
        while self.parents[part] != part {
            self.parents[part] = self.parents[self.parents[part]];
            part = self.parents[part];
        }
        part
    }

    /// Adds pixels to a part and returns the index of the part that it was joined to.
    fn extend(&mut self, part: usize, pixels: Part) -> usize {
        let root = self.root(part);
        let part = &mut self.parts[root];
        part.bounds = part.bounds.union(pixels.bounds);
        part.opaque_pixels += pixels.opaque_pixels;
        root
    }

    /// Joins two parts and returns the index of the result.
    fn join(&mut self, a: usize, b: usize) -> usize {
        let (a, b) = (self.root(a), self.root(b));
        let (kept, joined) = (a.min(b), a.max(b));
        if kept != joined {
            self.parents[joined] = kept;
            self.extend(kept, self.parts[joined]);
        }
        kept
    }
}

/// Returns the connected parts of an image.
fn parts(image: &RgbaImage) -> Vec<Part> {
    let pixels = pixel_bytes(image).as_chunks::<4>().0;
    let mut found = Parts::default();
    let (mut above, mut runs) = (Vec::<Run>::new(), Vec::new());
    // `chunks` needs a length above 0. An image without columns has no pixels.
    for (row, y) in pixels.chunks(image.width().max(1) as usize).zip(0..) {
        let mut end = 0;
        let mut first_above = 0;
        while let Some(gap) = row[end..].iter().position(|pixel| pixel[3] > 0) {
            let start = end + gap;
            let length = row[start..].iter().position(|pixel| pixel[3] == 0);
            end = length.map_or(row.len(), |length| start + length);
            let opaque = row[start..end].iter().filter(|pixel| pixel[3] >= OPAQUE_ALPHA).count();
            let bounds = Bounds { left: start as u32, top: y, right: end as u32, bottom: y + 1 };
            let run = Part { bounds, opaque_pixels: opaque as u64 };
            // Runs that touch diagonally share a coordinate of their ends.
            while above.get(first_above).is_some_and(|run| run.end < start) {
                first_above += 1;
            }
            let mut touching = above[first_above..].iter().take_while(|run| run.start <= end);
            let mut part = match touching.next() {
                Some(above) => found.extend(above.part, run),
                None => found.push(run),
            };
            for above in touching {
                part = found.join(part, above.part);
            }
            runs.push(Run { start, end, part });
        }
        std::mem::swap(&mut above, &mut runs);
        runs.clear();
    }
    let Parts { parents, parts } = found;
    (0..).zip(parents).zip(parts).filter(|((i, parent), _)| i == parent).map(|(_, part)| part).collect()
}
