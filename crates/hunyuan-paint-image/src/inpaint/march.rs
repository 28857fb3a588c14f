//! Fast marching: the order in which a front that starts at the border of the mask reaches the
//! masked pixels.
//!
//! Source: J. A. Sethian, "A fast marching level set method for monotonically advancing fronts",
//! 1996.

use std::collections::BTreeMap;

use image::GrayImage;

/// Arrival time of pixels that the front has not reached, and of the frame around the image.
const NEVER: f32 = 1e6;

/// Returns the indices (`y * width + x`) of the masked pixels in the order in which they must be
/// filled.
pub(super) fn fill_order(mask: &GrayImage) -> Vec<u32> {
    let (width, height) = (mask.width() as usize, mask.height() as usize);
    // The arrays have a frame of one pixel that counts as known but does not belong to the front.
    let stride = width + 2;
    let mut known = vec![true; stride * (height + 2)];
    for (y, row) in mask.chunks_exact(width).enumerate() {
        for (x, &masked) in row.iter().enumerate() {
            known[(y + 1) * stride + x + 1] = masked == 0;
        }
    }
    let neighbors = |i: usize| [i - stride, i - 1, i + stride, i + 1];

    let mut time = vec![NEVER; known.len()];
    let mut front = Front::default();
    for y in 1..=height {
        for i in y * stride + 1..=y * stride + width {
            if known[i] && neighbors(i).iter().any(|&n| !known[n]) {
                time[i] = 0.0;
                front.push(0.0, i);
            }
        }
    }

    let mut order = Vec::new();
    while let Some(reached) = front.pop() {
        for i in neighbors(reached) {
            if !known[i] {
                let [up, left, down, right] = neighbors(i).map(|n| (time[n], known[n]));
                let arrival = [(up, left), (down, left), (up, right), (down, right)]
                    .map(|(vertical, horizontal)| arrival_time(vertical, horizontal))
                    .into_iter()
                    .fold(f32::INFINITY, f32::min);
                time[i] = arrival;
                known[i] = true;
                front.push(arrival, i);
                order.push(((i / stride - 1) * width + i % stride - 1) as u32);
            }
        }
    }
    order
}

/// Returns the arrival time of a front of speed 1 that comes from a vertical and a horizontal
/// neighbor. Each neighbor is given by its arrival time and whether that is known.
fn arrival_time(vertical: (f32, bool), horizontal: (f32, bool)) -> f32 {
    let ((v, v_known), (h, h_known)) = (vertical, horizontal);
    let (v, h) = (f64::from(v), f64::from(h));
    let difference = v - h;
    let arrival = match (v_known, h_known) {
        (true, true) if difference.abs() < 1.0 => (v + h + (2.0 - difference * difference).sqrt()) * 0.5,
        (true, false) => 1.0 + v,
        (false, true) => 1.0 + h,
        _ => 1.0 + v.min(h),
    };
    arrival as f32
}

/// A priority queue of pixels by arrival time. Pixels with equal times are popped in the order of
/// insertion.
///
/// Pushed times are almost always 0.7 to 1 above the last popped time. Therefore times are grouped
/// into unsorted buckets of width 0.5, and a bucket is sorted when it becomes the current one.
#[derive(Default)]
struct Front {
    /// Current bucket, sorted. Elements before `next` have been popped.
    current: Vec<(f32, usize)>,
    next: usize,
    current_bucket: u64,
    /// Later buckets, unsorted.
    later: BTreeMap<u64, Vec<(f32, usize)>>,
}

impl Front {
    fn push(&mut self, time: f32, pixel: usize) {
        let bucket = (time * 2.0) as u64;
        if bucket > self.current_bucket {
            self.later.entry(bucket).or_default().push((time, pixel));
        } else {
            let waiting = &self.current[self.next..];
            let position = self.next + waiting.partition_point(|&(other, _)| other <= time);
            self.current.insert(position, (time, pixel));
        }
    }

    fn pop(&mut self) -> Option<usize> {
        if self.next == self.current.len() {
            (self.current_bucket, self.current) = self.later.pop_first()?;
            self.current.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            self.next = 0;
        }
        let (_, pixel) = self.current[self.next];
        self.next += 1;
        Some(pixel)
    }
}
