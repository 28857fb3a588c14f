use std::{error::Error, net::IpAddr, path::PathBuf, time::Duration};

use clap::Args;
use hunyuan_paint::{ComputeDevice, GeometryDevice, MemoryPlan, PaintOptions, PrecisionChoice, Variant};

use crate::{HostPolicy, InputLimits, ServerOptions, Token};

/// The variable that holds the token. A command line would show it to every user of the machine.
const TOKEN_VARIABLE: &str = "HUNYUAN_PAINT_TOKEN";

/// The command line of the server, for clap; [`serve`](crate::serve) runs it.
#[derive(Args, Clone, Debug)]
pub struct ServeArguments {
    /// A folder of weights in the published layout.
    #[arg(long)]
    pub(crate) model: PathBuf,
    /// The paint model: standard or turbo.
    #[arg(long, default_value = "standard")]
    pub(crate) variant: Variant,
    /// Where the networks run: auto, cpu, wgpu, vulkan or metal. May be repeated: each device loads
    /// the weights and paints one job at a time.
    #[arg(long, default_value = "auto")]
    pub(crate) device: Vec<ComputeDevice>,
    /// The precision of the networks: auto (half on a GPU that supports it), f32 or f16.
    #[arg(long, default_value = "auto")]
    pub(crate) precision: PrecisionChoice,
    /// How long networks stay in memory: keep (always) or reload (for their part of each job).
    #[arg(long, default_value = "keep")]
    pub(crate) memory: MemoryPlan,
    /// The most memory of each device to use, in MiB; all painters on one device share it. By
    /// default the size of the device.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(..1 << 40))]
    pub(crate) memory_limit: Option<u64>,
    /// Where condition maps are rendered and views are baked: auto, cpu or gpu. The result is the
    /// same.
    #[arg(long, default_value = "auto")]
    pub(crate) geometry: GeometryDevice,
    /// The address to listen on; 0.0.0.0 for every interface.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// The port to listen on; 0 for a free one.
    #[arg(long, default_value_t = 8081)]
    pub(crate) port: u16,
    /// A further host name under which clients may call this server. May be repeated. On a loopback
    /// address, only localhost, 127.0.0.1 and [`::1`] are allowed by default; elsewhere, every name
    /// is allowed unless this option is given.
    #[arg(long, value_name = "NAME")]
    allowed_host: Vec<String>,
    /// A file with the bearer token that requests must carry. The variable `HUNYUAN_PAINT_TOKEN` may
    /// hold the token instead.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The largest body of a request, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 128)]
    max_body_mib: usize,
    /// The most connections at a time; others wait.
    #[arg(long, default_value_t = ServerOptions::default().max_connections)]
    max_connections: usize,
    /// The most triangles of a mesh, before it is simplified.
    #[arg(long, default_value_t = InputLimits::default().max_faces)]
    max_faces: usize,
    /// The longest side of an image, in pixels.
    #[arg(long, default_value_t = InputLimits::default().max_image_side)]
    max_image_side: u32,
    /// The most pixels that rasterizing a mesh may test, estimated before the job is queued.
    #[arg(long, default_value_t = InputLimits::default().max_pixel_tests)]
    max_pixel_tests: u64,
    /// The most waiting jobs.
    #[arg(long, default_value_t = ServerOptions::default().max_queue_length)]
    max_queue_length: usize,
    /// The most seconds that one painting may take; 0 for no limit. On a CPU, the published weights
    /// need hours.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    time_limit: u64,
    /// The most finished jobs to remember.
    #[arg(long, default_value_t = ServerOptions::default().max_results)]
    max_results: usize,
    /// The most seconds to remember a finished job.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    max_result_age: u64,
    /// The seconds that running jobs may go on after a signal to stop.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    shutdown_timeout: u64,
    /// Steps of the multiview diffusion. By default those of the variant.
    #[arg(long)]
    steps: Option<usize>,
    /// The side of the texture, in texels.
    #[arg(long, default_value_t = 2048)]
    texture_size: u32,
    /// The side of the condition maps, and of the views that are baked, in pixels.
    #[arg(long, default_value_t = 2048)]
    render_size: u32,
    /// Use the settings that suit the repository's demo checkpoint.
    #[arg(long)]
    demo: bool,
    /// Keep the light and shadow of the images.
    #[arg(long)]
    no_delight: bool,
}

impl ServeArguments {
    pub(crate) fn server_options(&self) -> Result<ServerOptions, Box<dyn Error>> {
        Ok(ServerOptions {
            token: self.token()?,
            hosts: self.hosts(),
            max_body_bytes: self.max_body_mib.saturating_mul(1 << 20),
            max_connections: self.max_connections,
            max_queue_length: self.max_queue_length,
            time_limit: (self.time_limit > 0).then(|| Duration::from_secs(self.time_limit)),
            max_results: self.max_results,
            max_result_age: Duration::from_secs(self.max_result_age),
            shutdown_timeout: Duration::from_secs(self.shutdown_timeout),
            ..ServerOptions::default()
        })
    }

    fn hosts(&self) -> HostPolicy {
        if self.allowed_host.is_empty() && !self.host.is_loopback() {
            return HostPolicy::Any;
        }
        HostPolicy::LoopbackAnd(self.allowed_host.clone())
    }

    fn token(&self) -> Result<Option<Token>, Box<dyn Error>> {
        let Some(path) = &self.token_file else {
            return match std::env::var(TOKEN_VARIABLE) {
                Ok(token) => Ok(Some(Token::new(token))),
                Err(std::env::VarError::NotPresent) => Ok(None),
                Err(error) => Err(format!("{TOKEN_VARIABLE}: {error}").into()),
            };
        };
        let content =
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Some(Token::new(content.trim())))
    }

    pub(crate) fn memory_limit_bytes(&self) -> Option<u64> {
        self.memory_limit.map(|mib| mib << 20)
    }

    pub(crate) fn input_limits(&self) -> InputLimits {
        InputLimits {
            max_faces: self.max_faces,
            max_image_side: self.max_image_side,
            max_pixel_tests: self.max_pixel_tests,
        }
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

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        arguments: ServeArguments,
    }

    #[test]
    fn the_command_line_is_consistent() {
        Program::command().debug_assert();
    }

    #[test]
    fn a_token_on_the_command_line_is_refused() {
        assert!(Program::try_parse_from(["x", "--model", "m", "--token", "secret"]).is_err());
    }

    #[test]
    fn hosts_are_restricted_on_loopback_or_on_request() -> Result<(), clap::Error> {
        let hosts = |arguments: &[&str]| {
            let all = [&["x", "--model", "m"], arguments].concat();
            Program::try_parse_from(all).map(|program| program.arguments.hosts())
        };
        let named = || vec!["paint.example".to_owned()];
        assert_eq!(hosts(&[])?, HostPolicy::LoopbackAnd(Vec::new()));
        assert_eq!(hosts(&["--host", "::1"])?, HostPolicy::LoopbackAnd(Vec::new()));
        assert_eq!(hosts(&["--host", "0.0.0.0"])?, HostPolicy::Any);
        let allowed = ["--host", "0.0.0.0", "--allowed-host", "paint.example"];
        assert_eq!(hosts(&allowed)?, HostPolicy::LoopbackAnd(named()));
        assert_eq!(hosts(&allowed[2..])?, HostPolicy::LoopbackAnd(named()));
        Ok(())
    }
}
