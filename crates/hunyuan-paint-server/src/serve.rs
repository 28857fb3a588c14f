//! The server as a program, for this crate's binary and for `hunyuan-paint serve`.

use std::{error::Error, io::IsTerminal, process::ExitCode, sync::Arc};

use hunyuan_paint::PaintPipeline;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::{PaintServer, Painter, PipelinePainter, ServeArguments};

/// The exit code after a second signal, as a shell reports Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Loads the weights, listens, and serves until Ctrl-C or SIGTERM.
///
/// Logs to standard error, filtered by `RUST_LOG`, unless the program has installed a `tracing`
/// subscriber. A second signal ends the process at once.
///
/// Returns failure if an argument is wrong, the weights cannot be loaded, the address is taken, or
/// every device was lost; the log says which.
#[must_use]
pub fn serve(arguments: ServeArguments) -> ExitCode {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,hunyuan_paint_server=info"));
    let is_terminal = std::io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal);
    // Fails if the program has its own subscriber, which is then used.
    let _ = subscriber.with_writer(std::io::stderr).try_init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", with_sources(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &ServeArguments) -> Result<(), Box<dyn Error>> {
    let options = arguments.server_options()?;
    options.validate()?;
    if options.token.is_none() && !arguments.host.is_loopback() {
        tracing::warn!(
            "everyone who can reach {} can use this server; --token-file asks for a token",
            arguments.host
        );
    }
    // Checked here, because a mistyped folder must not become a download.
    if !arguments.model.is_dir() {
        return Err(format!("{}: expected a folder of weights", arguments.model.display()).into());
    }
    let painters = arguments.device.iter().map(|&device| {
        tracing::info!(model = %arguments.model.display(), %device, "loading");
        let mut builder = PaintPipeline::builder()
            .variant(arguments.variant)
            .device(device)
            .precision(arguments.precision)
            .memory_plan(arguments.memory)
            .geometry(arguments.geometry);
        if let Some(bytes) = arguments.memory_limit_bytes() {
            builder = builder.memory_limit(bytes);
        }
        let pipeline = builder.from_pretrained(&arguments.model)?;
        let painter = PipelinePainter::new(pipeline, arguments.paint_options(), arguments.input_limits())?;
        Ok(Arc::new(painter) as Arc<dyn Painter>)
    });
    let painters = painters.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let server = PaintServer::new(painters, options)?;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let address = (arguments.host, arguments.port);
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("{}:{}: {error}", arguments.host, arguments.port))?;
        tracing::info!("listening on http://{}", listener.local_addr()?);
        Ok(server.serve(listener, stop_signal()).await?)
    })
}

/// An error with its chain of sources, in one line.
pub(crate) fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let message = error.to_string();
        // A transparent error repeats its source.
        if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
        source = error.source();
    }
    text
}

/// Completes at the first Ctrl-C or SIGTERM. The second one ends the process.
async fn stop_signal() {
    signal().await;
    tracing::info!("stopping; a second signal stops at once");
    tokio::spawn(async {
        signal().await;
        tracing::warn!("stopped at once");
        std::process::exit(INTERRUPTED);
    });
}

async fn signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // A system without signals cannot ask the server to stop.
    if interrupt.await.is_err() {
        std::future::pending::<()>().await;
    }
}
