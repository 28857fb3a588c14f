//! The command line.

use std::{error::Error, net::IpAddr, path::PathBuf, time::Duration};

use clap::Parser;
use hunyuan_paint::{ComputeDevice, GeometryDevice, MemoryPlan, PaintOptions, PrecisionChoice, Variant};
use hunyuan_paint_server::{InputLimits, ServerOptions, Token};

/// Paints meshes over HTTP, as Hunyuan3D-2's api_server.py does, and serves a page to try it.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// A folder of weights in the published layout.
    #[arg(long)]
    pub(crate) model: PathBuf,
    /// standard or turbo.
    #[arg(long, default_value = "standard")]
    pub(crate) variant: Variant,
    /// Where the networks run: auto, cpu, wgpu, vulkan or metal. Repeated, each one loads the weights and
    /// paints one job at a time.
    #[arg(long, default_value = "auto")]
    pub(crate) device: Vec<ComputeDevice>,
    /// In which precision the networks compute: auto (half on a GPU that can), f32 or f16.
    #[arg(long, default_value = "auto")]
    pub(crate) precision: PrecisionChoice,
    /// How long networks stay in memory: keep (all, always) or reload (each for its part of a job).
    #[arg(long, default_value = "keep")]
    pub(crate) memory: MemoryPlan,
    /// Refuses what needs more MiB of a device's memory than this; the device's own size if absent.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..1 << 40))]
    pub(crate) memory_limit: Option<u64>,
    /// Where maps are rendered and views are baked: auto, cpu or gpu; the result is the same.
    #[arg(long, default_value = "auto")]
    pub(crate) geometry: GeometryDevice,
    /// The address to listen on; 0.0.0.0 for all.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// The port to listen on.
    #[arg(long, default_value_t = 8081)]
    pub(crate) port: u16,
    /// A file with the bearer token that requests have to carry; or the variable HUNYUAN_PAINT_TOKEN.
    #[arg(long)]
    token_file: Option<PathBuf>,
    #[arg(long, env = "HUNYUAN_PAINT_TOKEN", hide = true, hide_env_values = true)]
    token: Option<String>,
    /// Largest body of a request in MiB.
    #[arg(long, default_value_t = 128)]
    body_mib_max: usize,
    /// Most triangles of a mesh, before it is simplified.
    #[arg(long, default_value_t = InputLimits::default().faces_max)]
    faces_max: usize,
    /// Longest side of an image in pixels.
    #[arg(long, default_value_t = InputLimits::default().image_side_max)]
    image_side_max: u32,
    /// How many jobs may wait.
    #[arg(long, default_value_t = ServerOptions::default().queue_length_max)]
    queue_length_max: usize,
    /// Seconds that one painting may take; 0 for as long as it takes. On a CPU, the published weights need
    /// hours.
    #[arg(long, default_value_t = 3600)]
    time_limit: u64,
    /// How many finished jobs are remembered.
    #[arg(long, default_value_t = ServerOptions::default().results_max)]
    results_max: usize,
    /// Seconds that a finished job is remembered.
    #[arg(long, default_value_t = 3600)]
    results_age_max: u64,
    /// Seconds that a running job may go on when the server is stopped.
    #[arg(long, default_value_t = 60)]
    grace: u64,
    /// Steps of the multiview diffusion; the variant's own if absent.
    #[arg(long)]
    steps: Option<usize>,
    /// Side of the texture in texels.
    #[arg(long, default_value_t = 2048)]
    texture_size: u32,
    /// Side of the condition maps and of the views when they are baked, in pixels.
    #[arg(long, default_value_t = 2048)]
    render_size: u32,
    /// The weights are the repository's demo checkpoint: paint with the settings that suit it.
    #[arg(long)]
    demo: bool,
    /// Take the images as they are, with their light and shadow.
    #[arg(long)]
    no_delight: bool,
}

impl Arguments {
    pub(crate) fn server_options(&self) -> Result<ServerOptions, Box<dyn Error>> {
        Ok(ServerOptions {
            token: self.token()?,
            body_bytes_max: self.body_mib_max.saturating_mul(1 << 20),
            queue_length_max: self.queue_length_max,
            time_limit: (self.time_limit > 0).then(|| Duration::from_secs(self.time_limit)),
            results_max: self.results_max,
            results_age_max: Duration::from_secs(self.results_age_max),
            grace: Duration::from_secs(self.grace),
            ..ServerOptions::default()
        })
    }

    fn token(&self) -> Result<Option<Token>, Box<dyn Error>> {
        let Some(path) = &self.token_file else { return Ok(self.token.clone().map(Token::new)) };
        let content =
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Some(Token::new(content.trim())))
    }

    pub(crate) fn input_limits(&self) -> InputLimits {
        InputLimits { faces_max: self.faces_max, image_side_max: self.image_side_max }
    }

    pub(crate) fn paint_options(&self) -> PaintOptions {
        let suited = if self.demo { PaintOptions::demo() } else { PaintOptions::default() };
        let mut options =
            PaintOptions { texture_size: self.texture_size, render_size: self.render_size, ..suited };
        if self.no_delight {
            options.delight = None;
        }
        let multiview = options.multiview.get_or_insert_with(|| self.variant.multiview_options());
        if let Some(steps) = self.steps {
            multiview.denoise.num_inference_steps = steps;
        }
        options
    }
}
