#![doc = include_str!("../README.md")]

mod crop;
mod edges;
mod error;
mod inpaint;
mod load;
mod orientation;
mod pixels;
mod recorrect;
mod reference;
mod resize;
mod square;
mod warning;

pub use crop::CropRule;
pub use edges::{canny, erode_3x3};
pub use error::{ImageError, MAX_SIDE};
pub use inpaint::{inpaint_navier_stokes, inpaint_navier_stokes_gray};
pub use load::read_image;
pub use orientation::exif_orientation;
pub use reference::{DEFAULT_BORDER_RATIO, DelightInput, ReferenceImage, recenter, recenter_with};
pub use resize::{ResizeKernel, ResizeTaps, resize_bicubic_gray, resize_bicubic_rgb, resize_bicubic_rgba};
pub use warning::ImageWarning;
