//! Tables and contact sheets of the results.

use std::{error::Error, fmt::Write as _};

use hunyuan_paint_image::resize_bicubic_rgb;
use image::RgbImage;

use super::{
    Figures, MIP_LEVELS, SquaredError, TestObject, Texture, figures::textured_pictures, render::Picture,
};

/// Pixels per side of each image on a contact sheet, and pixels between them.
const TILE: u32 = 296;
const GAP: u32 = 4;

/// Number of other cameras on a contact sheet.
const SHEET_CAMERAS: usize = 3;

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    /// Name of the object.
    pub mesh: String,
    /// Way of baking.
    pub mode: String,
    /// Share of the surface that the default cameras see, 0 to 1.
    pub seen_share: f64,
    /// Figures of the texture.
    pub figures: Figures,
}

/// Returns the table in Markdown, with the mean over all objects for each way of baking.
pub fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| Mesh | Mode | Seen share | Seen texels | Unseen texels | Seams | Seams, seen | Pictures | Seam step, mips 0 1 2 3 |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let mut line = |mesh: &str, mode: &str, share: f64, psnr: [Option<f64>; 5], steps: &[f64]| {
        let psnr = psnr.map(|psnr| psnr.map_or("–".to_owned(), |psnr| format!("{psnr:.1}"))).join(" | ");
        let steps = steps.iter().map(|step| format!("{step:.1}")).collect::<Vec<_>>().join(" ");
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {mesh} | {mode} | {:.1}% | {psnr} | {steps} |", share * 100.0);
    };
    let mut modes: Vec<&str> = Vec::new();
    for Row { mesh, mode, seen_share, figures } in rows {
        line(mesh, mode, *seen_share, psnr(figures), &figures.seam_steps);
        if !modes.contains(&mode.as_str()) {
            modes.push(mode);
        }
    }
    for mode in modes {
        let of_mode: Vec<&Row> = rows.iter().filter(|row| row.mode == mode).collect();
        let mean = |value: &dyn Fn(&Row) -> Option<f64>| {
            let values: Vec<f64> = of_mode.iter().filter_map(|row| value(row)).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let share = mean(&|row| Some(row.seen_share)).unwrap_or(0.0);
        let means = std::array::from_fn(|i| mean(&|row| psnr(&row.figures)[i]));
        let steps: Vec<f64> =
            (0..MIP_LEVELS).filter_map(|i| mean(&|row| Some(row.figures.seam_steps[i]))).collect();
        line("**mean**", mode, share, means, &steps);
    }
    table
}

fn psnr(figures: &Figures) -> [Option<f64>; 5] {
    let Figures { seen, unseen, seams, seams_seen, pictures, .. } = figures;
    [seen, unseen, seams, seams_seen, pictures].map(SquaredError::psnr)
}

/// Draws a row of images for each texture, the ground truth first: the texture, and the textured
/// object from other cameras.
///
/// # Errors
/// If an image cannot be rendered.
pub fn contact_sheet(subject: &TestObject, textures: &[&RgbImage]) -> Result<RgbImage, Box<dyn Error>> {
    let painted = subject.paint()?;
    let mut rows = vec![vec![painted]];
    rows[0].extend(subject.pictures().take(SHEET_CAMERAS).map(Picture::on_white));
    for texture in textures {
        let pictures = textured_pictures(subject, &Texture::new(texture), SHEET_CAMERAS)?;
        let mut row = vec![(*texture).clone()];
        row.extend(pictures.iter().map(Picture::on_white));
        rows.push(row);
    }
    let (width, height) = ((TILE + GAP) * (1 + SHEET_CAMERAS as u32), (TILE + GAP) * rows.len() as u32);
    let mut sheet = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    for (y, row) in rows.iter().enumerate() {
        for (x, picture) in row.iter().enumerate() {
            let tile = resize_bicubic_rgb(picture, TILE, TILE)?;
            let [x, y] = [x, y].map(|i| i64::from((TILE + GAP) * i as u32));
            image::imageops::replace(&mut sheet, &tile, x, y);
        }
    }
    Ok(sheet)
}
