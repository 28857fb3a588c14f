//! Reading intact and damaged files.

use std::{error::Error, fs, path::PathBuf};

use hunyuan_paint_image::{ImageError, ReferenceImage, exif_orientation, read_image};
use image::{
    DynamicImage, ExtendedColorType, ImageBuffer, ImageEncoder, ImageFormat, Luma, LumaA, Rgb, RgbImage,
    Rgba,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
    metadata::Orientation,
};

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

/// Returns the path of a file in `tests/field`.
fn field(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "field", name].iter().collect()
}

/// Returns the pixels of an image without alpha.
fn rgb(image: ReferenceImage) -> std::result::Result<RgbImage, Box<dyn Error>> {
    match image {
        ReferenceImage::Opaque(image) => Ok(image),
        other => Err(format!("expected an image without alpha, found {other:?}").into()),
    }
}

/// Returns an EXIF block with one entry, the orientation.
fn exif(orientation: u16, big_endian: bool) -> Vec<u8> {
    let short = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let long = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut bytes = if big_endian { b"MM".to_vec() } else { b"II".to_vec() };
    bytes.extend(short(42));
    bytes.extend(long(8));
    bytes.extend(short(1));
    bytes.extend([short(0x112), short(3)].concat());
    bytes.extend(long(1));
    bytes.extend([short(orientation), short(0)].concat());
    bytes.extend(long(0));
    bytes
}

fn encode_with_exif(image: &RgbImage, format: ImageFormat, exif: Vec<u8>) -> image::ImageResult<Vec<u8>> {
    fn write(mut encoder: impl ImageEncoder, image: &RgbImage, exif: Vec<u8>) -> image::ImageResult<()> {
        encoder.set_exif_metadata(exif).map_err(image::ImageError::Unsupported)?;
        encoder.write_image(image, image.width(), image.height(), ExtendedColorType::Rgb8)
    }
    let mut bytes = Vec::new();
    match format {
        ImageFormat::Jpeg => write(JpegEncoder::new_with_quality(&mut bytes, 95), image, exif)?,
        ImageFormat::Png => write(PngEncoder::new(&mut bytes), image, exif)?,
        _ => write(WebPEncoder::new_lossless(&mut bytes), image, exif)?,
    }
    Ok(bytes)
}

/// Colors of the corners in reading order, and the color between them.
const RED: [u8; 3] = [250, 10, 10];
const GREEN: [u8; 3] = [10, 250, 10];
const BLUE: [u8; 3] = [10, 10, 250];
const GRAY: [u8; 3] = [90; 3];
const WHITE: [u8; 3] = [250; 3];

/// Returns an image of 48 x 32 pixels whose corners, 16 pixels wide, have these colors.
fn corners() -> RgbImage {
    RgbImage::from_fn(48, 32, |x, y| {
        Rgb(match (x / 16, y / 16) {
            (0, 0) => RED,
            (2, 0) => GREEN,
            (0, 1) => BLUE,
            (2, 1) => GRAY,
            _ => WHITE,
        })
    })
}

/// Asserts the colors in the middles of the corners, in reading order.
fn assert_corners(image: &RgbImage, expected: [[u8; 3]; 4], what: &str) {
    let (right, bottom) = (image.width() - 8, image.height() - 8);
    let found = [(8, 8), (right, 8), (8, bottom), (right, bottom)].map(|(x, y)| image.get_pixel(x, y).0);
    let close = found.iter().flatten().zip(expected.iter().flatten()).all(|(a, b)| a.abs_diff(*b) <= 12);
    assert!(close, "{what}: expected {expected:?}, found {found:?}");
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

#[test]
fn all_exif_orientations_are_applied() -> Result {
    // By the EXIF standard: which corner of the upright image the stored image starts with, and
    // whether its rows are columns of the upright image.
    let upright = [
        [RED, GREEN, BLUE, GRAY],
        [GREEN, RED, GRAY, BLUE],
        [GRAY, BLUE, GREEN, RED],
        [BLUE, GRAY, RED, GREEN],
        [RED, BLUE, GREEN, GRAY],
        [BLUE, RED, GRAY, GREEN],
        [GRAY, GREEN, BLUE, RED],
        [GREEN, GRAY, RED, BLUE],
    ];
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        for (orientation, expected) in (1..).zip(upright) {
            for big_endian in [false, true] {
                let what = format!("{format:?} {orientation} {big_endian}");
                let bytes = encode_with_exif(&corners(), format, exif(orientation, big_endian))?;
                let image = rgb(read_image(file(&format!("oriented {what}"), &bytes)?)?)?;
                let size = if orientation < 5 { (48, 32) } else { (32, 48) };
                assert_eq!(image.dimensions(), size, "{what}");
                assert_corners(&image, expected, &what);
            }
        }
    }
    Ok(())
}

#[test]
fn alpha_is_oriented_with_the_colors() -> Result {
    let image = image::RgbaImage::from_fn(3, 2, |x, y| Rgba([7, 8, 9, (100 * y + x) as u8]));
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_exif_metadata(exif(6, true)).map_err(image::ImageError::Unsupported)?;
    encoder.write_image(&image, 3, 2, ExtendedColorType::Rgba8)?;
    let expected = image::imageops::rotate90(&image);
    assert_eq!(read_image(file("oriented-alpha.png", &bytes)?)?, ReferenceImage::Cutout(expected));
    Ok(())
}

#[test]
fn the_prefix_of_jpeg_is_accepted_in_png_and_webp() -> Result {
    let prefixed = [b"Exif\0\0".to_vec(), exif(6, false)].concat();
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let bytes = encode_with_exif(&corners(), format, prefixed.clone())?;
        assert_eq!(rgb(read_image(file(&format!("prefix {format:?}"), &bytes)?)?)?.dimensions(), (32, 48));
    }
    Ok(())
}

#[test]
fn an_exif_block_after_the_pixels_of_a_png_is_applied() -> Result {
    let early = encode_with_exif(&corners(), ImageFormat::Png, exif(8, true))?;
    let tag = early.windows(4).position(|tag| tag == b"eXIf").ok_or("no EXIF block was written")?;
    let chunk = tag - 4..tag + 4 + exif(8, true).len() + 4;
    let end = early.len() - 12;
    let late = [&early[..chunk.start], &early[chunk.end..end], &early[chunk], &early[end..]].concat();
    assert_eq!(late.len(), early.len());
    assert_eq!(rgb(read_image(file("late.png", &late)?)?)?.dimensions(), (32, 48));
    assert_eq!(exif_orientation(std::io::Cursor::new(&late)), Orientation::Rotate270);
    Ok(())
}

#[test]
fn a_damaged_exif_block_is_ignored() -> Result {
    let whole = exif(6, false);
    let mut far = whole.clone();
    far[4..8].copy_from_slice(&[0xff; 4]);
    let mut endless = whole.clone();
    endless[8..10].copy_from_slice(&[0xff; 2]);
    endless[10] = 0;
    let mut blocks =
        vec![b"no EXIF".to_vec(), far, endless, exif(0, true), exif(9, false), exif(65_535, true)];
    blocks.extend((1..20).map(|length| whole[..length].to_vec()));
    for (i, block) in blocks.into_iter().enumerate() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let what = format!("block {i} of {format:?}");
            let bytes = encode_with_exif(&corners(), format, block.clone())?;
            let image = rgb(read_image(file(&format!("damaged {what}"), &bytes)?)?)?;
            assert_corners(&image, [RED, GREEN, BLUE, GRAY], &what);
            assert_eq!(exif_orientation(std::io::Cursor::new(&bytes)), Orientation::NoTransforms, "{what}");
        }
    }
    assert_eq!(exif_orientation(std::io::Cursor::new(b"")), Orientation::NoTransforms);
    assert_eq!(exif_orientation(std::io::Cursor::new(b"no image")), Orientation::NoTransforms);
    Ok(())
}

#[test]
fn damaged_files_cause_errors_but_no_panics() -> Result {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let bytes = encode_with_exif(&corners(), format, exif(6, true))?;
        for i in 0..bytes.len().min(160) {
            let mut damaged = bytes.clone();
            damaged[i] = !damaged[i];
            let _read_or_not = read_image(file("damaged bytes", &damaged)?);
            let _cut_or_not = read_image(file("cut bytes", &bytes[..i])?);
        }
    }
    Ok(())
}

#[test]
fn a_photo_of_a_phone_is_upright() -> Result {
    let stored = image::open(field("phone.jpg"))?.into_rgb8();
    assert_eq!(rgb(read_image(field("phone.jpg"))?)?, image::imageops::rotate90(&stored));
    Ok(())
}

#[test]
fn unusual_encodings_are_read() -> Result {
    let cmyk = rgb(read_image(field("cmyk.jpg"))?)?;
    let [r, g, b] = cmyk.get_pixel(8, 4).0;
    assert!(r > 240 && g < 15 && b < 15, "expected red, found {r} {g} {b}");

    let palette = rgb(read_image(field("palette.png"))?)?;
    assert_eq!(palette.get_pixel(0, 0).0, [10, 20, 30]);
    assert_eq!(palette.get_pixel(3, 1).0, [200, 40, 40]);
    let ReferenceImage::Cutout(palette) = read_image(field("palette-transparent.png"))? else {
        return Err("the transparency of the palette is lost".into());
    };
    assert_eq!(palette.get_pixel(0, 0).0, [10, 20, 30, 255]);
    assert_eq!(palette.get_pixel(3, 1).0[3], 0);

    let ReferenceImage::Cutout(frame) = read_image(field("animated.webp"))? else {
        return Err("the transparency of the animation is lost".into());
    };
    assert_eq!((frame.dimensions(), frame.get_pixel(0, 0).0[3]), ((8, 8), 0));
    assert_eq!(frame.get_pixel(4, 4).0, [200, 40, 40, 255]);
    Ok(())
}
