//! Paints each object with each method.

use std::{error::Error, ops::ControlFlow, path::Path};

use burn::tensor::Device;
use hunyuan_paint::{
    DelightOptions, PaintOptions, PaintPipeline, Progress,
    bake::{BakeOptions, Cpu},
    imaging::{DelightInput, ReferenceImage},
    mesh::{Camera, CameraView, DEFAULT_VIEWS, UnwrapOptions, UvMode},
    models::{
        folders::DELIGHT_FOLDER,
        pipelines::{InstructPix2PixPipeline, StepProgress},
    },
    stages::{
        BakeStageOptions, Conditions, GeneratedView, Surface, bake_views, prepare_surface, render_conditions,
    },
};
use hunyuan_paint_benches::quality::{
    Figures, Sizes, SquaredError, TestObject, Texture, ViewFigures, colored_objects::ColoredObject,
    light::Light, render::Picture, report::contact_sheet,
};
use image::{Rgb, RgbImage};

use crate::tables::{DelightRow, Row, Tables};

/// Azimuth and elevation of the light in degrees: to the side of the front camera and above it.
const LIGHT: [f32; 2] = [-50.0, 40.0];

/// Sides of the texture in texels, and of projected views and the 20 images in pixels.
const TEXTURE_SIZE: u32 = 1024;
const RENDER_SIZE: u32 = 1024;
const PICTURE_SIZE: u32 = 512;

/// A checkpoint and the options to paint with.
pub(crate) struct PaintingEvaluation {
    pipeline: PaintPipeline,
    /// A second copy of the delight model, which is run alone.
    delight: InstructPix2PixPipeline,
    options: PaintOptions,
}

/// Images of an object: the ground truth, and below it each method, as texture and from three
/// sides.
pub(crate) struct Sheet {
    pub(crate) reference: &'static str,
    pub(crate) image: RgbImage,
}

/// An object, prepared for all methods.
struct Scene {
    surface: Surface,
    conditions: Conditions,
    subject: TestObject,
    /// Ground truth of the six views.
    truth: Vec<Picture>,
}

impl PaintingEvaluation {
    /// Loads a checkpoint.
    pub(crate) fn new(folder: &Path, options: PaintOptions, device: &Device) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            pipeline: PaintPipeline::builder().load_options(device.into()).from_pretrained(folder)?,
            delight: InstructPix2PixPipeline::from_pretrained(folder.join(DELIGHT_FOLDER), device)?,
            options,
        })
    }

    /// Paints an object with each method.
    pub(crate) fn paint(
        &self,
        object: &ColoredObject,
        tables: &mut Tables,
    ) -> Result<[Sheet; 2], Box<dyn Error>> {
        let scene = self.scene(object)?;
        let light = Light::new(&scene.subject.mesh, &Camera::orthographic(LIGHT[0], LIGHT[1]))?;
        let shine = |place| light.shine(place, scene.subject.color_at(place.position));
        let lit = scene.subject.view_pictures(shine)?.swap_remove(0);
        let unlit = &scene.truth[0];
        let without_light = self.without_light(&lit)?;
        tables.delight.push((object.name, self.delight_row(unlit, &lit, &without_light)?));

        let from_unlit = vec![
            scene.uniform("mean color", unlit)?,
            scene.projected("projected", &unlit.on_white())?,
            self.painted("painted", &scene, unlit, false)?,
        ];
        let from_lit = vec![
            scene.uniform("mean color", &lit)?,
            scene.projected("projected", &lit.on_white())?,
            scene.projected("delight, projected", &without_light)?,
            self.painted("painted", &scene, &lit, false)?,
            self.painted("delight, painted", &scene, &lit, true)?,
        ];
        let sheet = |reference, painted: Vec<Painted>| {
            let textures: Vec<&RgbImage> = painted.iter().map(|painted| &painted.texture).collect();
            Ok::<_, Box<dyn Error>>(Sheet { reference, image: contact_sheet(&scene.subject, &textures)? })
        };
        for (reference, painted) in [("unlit", &from_unlit), ("lit", &from_lit)] {
            for Painted { method, views, texture } in painted {
                let views = ViewFigures::new(views, &scene.truth)?;
                let pictures = Figures::new(&scene.subject, texture)?.pictures;
                tables.painting.push(Row { object: object.name, reference, method, views, pictures });
            }
        }
        Ok([sheet("unlit", from_unlit)?, sheet("lit", from_lit)?])
    }

    fn scene(&self, object: &ColoredObject) -> Result<Scene, Box<dyn Error>> {
        let sizes = Sizes {
            view: self.pipeline.native_view_size(),
            render: RENDER_SIZE,
            texture: TEXTURE_SIZE,
            picture: PICTURE_SIZE,
        };
        let unwrap = UnwrapOptions::new(TEXTURE_SIZE);
        let surface = prepare_surface(&object.mesh, UvMode::Unwrap, &unwrap, &mut go_on)?;
        let conditions =
            render_conditions(&mut Cpu, &surface, &DEFAULT_VIEWS, RENDER_SIZE, sizes.view, &mut go_on)?;
        let subject = TestObject::new(surface.canonical_mesh.clone(), object.color_at, sizes)?;
        let truth = subject.view_pictures(|place| subject.color_at(place.position))?;
        Ok(Scene { surface, conditions, subject, truth })
    }

    /// Runs the whole pipeline on an image of the front.
    fn painted(
        &self,
        method: &'static str,
        scene: &Scene,
        front: &Picture,
        with_delight: bool,
    ) -> Result<Painted, Box<dyn Error>> {
        let mut options = self.options.clone();
        if !with_delight {
            options.delight = None;
        }
        let images = [ReferenceImage::Cutout(front.cut_out())];
        let references = self.pipeline.prepare_references(&images, &options, &mut go_on)?;
        let views = self.pipeline.paint_views(&references, &scene.conditions, &options, &mut go_on)?;
        let texture = scene.baked(&DEFAULT_VIEWS, &views)?;
        Ok(Painted { method, views, texture })
    }

    /// Runs the delight model on an image, without moving the object.
    fn without_light(&self, lit: &Picture) -> Result<RgbImage, Box<dyn Error>> {
        let input =
            DelightInput::new(&ReferenceImage::Cutout(lit.cut_out()), self.pipeline.native_view_size())?;
        let DelightOptions { seed, pipeline, .. } = &self.options.delight.clone().unwrap_or_default();
        let mut generator = self.options.generator.init(*seed);
        let on_step = &mut |_: &StepProgress<'_>| ControlFlow::Continue(());
        let output = self.delight.run(&input.rgb, pipeline, generator.as_mut(), on_step)?;
        Ok(input.finish_uncorrected(&output)?)
    }

    fn delight_row(
        &self,
        unlit: &Picture,
        lit: &Picture,
        without_light: &RgbImage,
    ) -> Result<DelightRow, Box<dyn Error>> {
        let input = DelightInput::new(&ReferenceImage::Cutout(lit.cut_out()), lit.size)?;
        // The pipeline erodes the mask by a pixel.
        let mut truth = unlit.clone();
        for (coverage, alpha) in truth.coverage.iter_mut().zip(input.alpha.iter()) {
            if *alpha < 255 {
                *coverage = 0.0;
            }
        }
        let error = |image: &RgbImage| -> Result<SquaredError, Box<dyn Error>> {
            Ok(ViewFigures::new(std::slice::from_ref(image), std::slice::from_ref(&truth))?.front)
        };
        Ok(DelightRow {
            none: error(&lit.on_white())?,
            correction_alone: error(&input.finish(&input.rgb)?)?,
            model: error(without_light)?,
            model_corrected: error(&input.finish(without_light)?)?,
        })
    }
}

fn go_on(_: &Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Result of one method.
struct Painted {
    method: &'static str,
    views: Vec<RgbImage>,
    texture: RgbImage,
}

impl Scene {
    /// Colors the object with the mean color of an image.
    fn uniform(&self, method: &'static str, front: &Picture) -> Result<Painted, Box<dyn Error>> {
        let inside = || front.colors.iter().zip(&front.coverage).filter(|(_, coverage)| **coverage == 1.0);
        let count = inside().count().max(1) as f32;
        let mean = [0, 1, 2].map(|i| (inside().map(|(color, _)| color[i]).sum::<f32>() / count) as u8);
        let texture = RgbImage::from_pixel(TEXTURE_SIZE, TEXTURE_SIZE, Rgb(mean));
        Ok(Painted { method, views: self.views_with(&texture)?, texture })
    }

    /// Projects an image of the front onto the surface, and fills the rest from there.
    fn projected(&self, method: &'static str, front: &RgbImage) -> Result<Painted, Box<dyn Error>> {
        let texture = self.baked(&DEFAULT_VIEWS[..1], std::slice::from_ref(front))?;
        Ok(Painted { method, views: self.views_with(&texture)?, texture })
    }

    fn views_with(&self, texture: &RgbImage) -> Result<Vec<RgbImage>, Box<dyn Error>> {
        let texture = Texture::new(texture);
        let pictures = self.subject.view_pictures(|place| texture.sample(0, place.uv))?;
        Ok(pictures.iter().map(Picture::on_white).collect())
    }

    fn baked(&self, views: &[CameraView], images: &[RgbImage]) -> Result<RgbImage, Box<dyn Error>> {
        let views: Vec<GeneratedView<'_>> = (views.iter().zip(images))
            .map(|(&view, image)| GeneratedView { view, image, depth: None })
            .collect();
        let (render_size, texture_size) = (RENDER_SIZE, TEXTURE_SIZE);
        let options = BakeStageOptions { render_size, texture_size, bake: BakeOptions::default() };
        let textured = bake_views(&mut Cpu, &self.surface, &views, &options, &mut go_on)?;
        Ok(textured.texture)
    }
}
