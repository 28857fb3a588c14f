//! Fast marching: the order in which a front, starting at the mask's border, arrives at its pixels.
//!
//! J. A. Sethian, "A fast marching level set method for monotonically advancing fronts", 1996.

use std::collections::BTreeMap;

use image::GrayImage;

/// The arrival time of pixels that the front has not reached, and of the frame around the image.
const NEVER: f32 = 1e6;

/// The masked pixels (`y * width + x`) in the order in which they are to be filled.
pub(super) fn fill_order(mask: &GrayImage) -> Vec<u32> {
    let (width, height) = (mask.width() as usize, mask.height() as usize);
    // A frame of one pixel: it is known, but no part of the front.
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

/// When a front of speed 1 arrives, coming through a vertical and a horizontal neighbor, each with its own
/// arrival time and whether that is known.
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

/// A priority queue of pixels by arrival time; of equal times, the first pushed comes first.
///
/// A new time is all but always 0.7 to 1 above the last popped. So the times are kept in unsorted slots of a
/// half, and a slot is sorted when its turn comes.
#[derive(Default)]
struct Front {
    /// The slot in turn, sorted; popped up to `next`.
    current: Vec<(f32, usize)>,
    next: usize,
    current_slot: u64,
    later: BTreeMap<u64, Vec<(f32, usize)>>,
}

impl Front {
    fn push(&mut self, time: f32, pixel: usize) {
        let slot = (time * 2.0) as u64;
        if slot > self.current_slot {
            self.later.entry(slot).or_default().push((time, pixel));
        } else {
            let waiting = &self.current[self.next..];
            let position = self.next + waiting.partition_point(|&(other, _)| other <= time);
            self.current.insert(position, (time, pixel));
        }
    }

    fn pop(&mut self) -> Option<usize> {
        if self.next == self.current.len() {
            (self.current_slot, self.current) = self.later.pop_first()?;
            self.current.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            self.next = 0;
        }
        let (_, pixel) = self.current[self.next];
        self.next += 1;
        Some(pixel)
    }
}
