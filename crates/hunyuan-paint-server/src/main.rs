//! The server as a program: `hunyuan-paint-server --model weights`.

mod arguments;

use std::{error::Error, io::IsTerminal, process::ExitCode, sync::Arc};

use clap::Parser;
use hunyuan_paint::{LoadOptions, PaintPipeline};
use hunyuan_paint_server::{PaintServer, Painter, PipelinePainter};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,hunyuan_paint_server=info"));
    let terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(terminal).with_writer(std::io::stderr).init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let options = arguments.server_options()?;
    options.validate()?;
    if options.token.is_none() && !arguments.host.is_loopback() {
        tracing::warn!(
            "whoever reaches {} can use this server: --token-file asks for a token",
            arguments.host
        );
    }
    // Weights are not downloaded behind the back of whoever mistyped a folder.
    if !arguments.model.is_dir() {
        return Err(format!("{}: expected a folder of weights", arguments.model.display()).into());
    }
    let painters = arguments.device.iter().map(|device| {
        tracing::info!(model = %arguments.model.display(), %device, "loading");
        let mut load = LoadOptions { memory: arguments.memory, ..device.load_options(arguments.precision)? };
        if let Some(mib) = arguments.memory_limit {
            load.budget = load.budget.with_total(mib << 20);
        }
        let pipeline = PaintPipeline::from_pretrained(&arguments.model, arguments.variant, load)?
            .with_backend(arguments.geometry.init()?);
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

/// Ready at the first Ctrl-C or SIGTERM; the second one ends the program at once.
async fn stop_signal() {
    signal().await;
    tracing::info!("stopping; once more to stop at once");
    tokio::spawn(async {
        signal().await;
        tracing::warn!("stopped at once");
        std::process::exit(130);
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
    // Without signals there is nothing to wait for, and no reason to stop.
    if interrupt.await.is_err() {
        std::future::pending::<()>().await;
    }
}
