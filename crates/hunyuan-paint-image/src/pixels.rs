use image::{ImageBuffer, Pixel};

/// Returns the bytes of an image's pixels. The buffer may be longer, since `from_raw` accepts any
/// buffer that is long enough.
pub(crate) fn pixel_bytes<P>(image: &ImageBuffer<P, Vec<u8>>) -> &[u8]
where
    P: Pixel<Subpixel = u8>,
{
    let length = image.width() as usize * image.height() as usize * usize::from(P::CHANNEL_COUNT);
    &image.as_raw()[..length]
}

/// Returns a copy of an image whose buffer holds only the pixels.
pub(crate) fn trimmed<P>(image: &ImageBuffer<P, Vec<u8>>) -> ImageBuffer<P, Vec<u8>>
where
    P: Pixel<Subpixel = u8>,
{
    let mut copy = ImageBuffer::new(image.width(), image.height());
    copy.copy_from_slice(pixel_bytes(image));
    copy
}
