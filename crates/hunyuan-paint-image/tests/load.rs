//! Reading intact and damaged files.

use std::{error::Error, fs, path::PathBuf};

use hunyuan_paint_image::{ImageError, ReferenceImage, read_image};
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, Rgba};

type Result = std::result::Result<(), Box<dyn Error>>;

fn file(name: &str, bytes: &[u8]) -> std::io::Result<PathBuf> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes)?;
    Ok(path)
}

fn encode(image: &DynamicImage, format: ImageFormat) -> image::ImageResult<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format)?;
    Ok(bytes.into_inner())
}

/// Returns the start of a PNG file. `size` is the width and height, `channels` the bit depth and
/// color type, and `crc` the checksum of the header.
fn png_header(size: u32, channels: [u8; 2], crc: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend([size.to_be_bytes(), size.to_be_bytes()].concat());
    bytes.extend(channels);
    bytes.extend([0; 3]);
    bytes.extend(crc.to_be_bytes());
    bytes.extend(b"\0\0\0\x04IDAT\0\0\0\0");
    bytes
}

#[test]
fn every_pixel_format_becomes_rgb_or_rgba() -> Result {
    let opaque: [DynamicImage; 4] = [
        ImageBuffer::from_pixel(2, 3, Luma([130_u8])).into(),
        ImageBuffer::from_pixel(2, 3, Luma([130 * 257_u16 + 100])).into(),
        ImageBuffer::from_pixel(2, 3, Rgb([130_u8; 3])).into(),
        ImageBuffer::from_pixel(2, 3, Rgb([130 * 257_u16 - 100; 3])).into(),
    ];
    for (i, image) in opaque.iter().enumerate() {
        let path = file(&format!("opaque{i}.png"), &encode(image, ImageFormat::Png)?)?;
        let expected = ImageBuffer::from_pixel(2, 3, Rgb([130; 3]));
        assert_eq!(read_image(path)?, ReferenceImage::Opaque(expected), "{:?}", image.color());
    }
    let cutouts: [DynamicImage; 3] = [
        ImageBuffer::from_pixel(2, 3, LumaA([130_u8, 7])).into(),
        ImageBuffer::from_pixel(2, 3, Rgba([130_u8, 130, 130, 7])).into(),
        ImageBuffer::from_pixel(2, 3, Rgba([130, 130, 130, 7].map(|v: u16| v * 257))).into(),
    ];
    for (i, image) in cutouts.iter().enumerate() {
        let path = file(&format!("cutout{i}.png"), &encode(image, ImageFormat::Png)?)?;
        let expected = ImageBuffer::from_pixel(2, 3, Rgba([130, 130, 130, 7]));
        assert_eq!(read_image(path)?, ReferenceImage::Cutout(expected), "{:?}", image.color());
    }
    Ok(())
}

#[test]
fn the_content_determines_the_format() -> Result {
    let image = DynamicImage::from(ImageBuffer::from_pixel(8, 8, Rgb([90_u8; 3])));
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let path = file(&format!("{format:?}.png"), &encode(&image, format)?)?;
        assert_eq!(read_image(path)?.dimensions(), (8, 8), "{format:?}");
    }
    Ok(())
}

#[test]
fn files_that_are_not_images_are_rejected() -> Result {
    let missing = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("missing.png");
    assert!(matches!(read_image(missing), Err(ImageError::Io { .. })));
    assert!(matches!(read_image(file("empty.png", b"")?), Err(ImageError::EmptyFile { .. })));
    let text = file("text.png", b"a text, not an image")?;
    assert!(matches!(read_image(text), Err(ImageError::UnknownFormat { .. })));
    let bitmap = file("bitmap.bmp", b"BM a format that is known but not read")?;
    assert!(matches!(read_image(bitmap), Err(ImageError::UnknownFormat { .. })));

    let whole = encode(&DynamicImage::new_rgb8(64, 64), ImageFormat::Png)?;
    let half = file("half.png", &whole[..whole.len() / 2])?;
    let error = read_image(half).err().ok_or("half an image was read")?;
    assert!(matches!(error, ImageError::Decode { .. }));
    assert!(error.to_string().contains("half.png"));
    Ok(())
}

#[test]
fn sizes_out_of_range_are_rejected() -> Result {
    const RGB_8: [u8; 2] = [8, 2];
    const RGBA_16: [u8; 2] = [16, 6];
    let huge = file("huge.png", &png_header(100_000, RGB_8, 0x2730_9c9f))?;
    assert!(matches!(read_image(huge), Err(ImageError::FileSize { width: 100_000, height: 100_000, .. })));
    let none = file("none.png", &png_header(0, RGB_8, 0xb4e9_eb45))?;
    assert!(matches!(read_image(none), Err(ImageError::FileSize { .. } | ImageError::Decode { .. })));
    let deep = file("deep.png", &png_header(16_384, RGBA_16, 0xf958_ccc7))?;
    let Err(ImageError::Decode { source, .. }) = read_image(deep) else {
        return Err("an image of 2 GiB was accepted".into());
    };
    assert!(matches!(source, image::ImageError::Limits(_)), "{source}");
    Ok(())
}
