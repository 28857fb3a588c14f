#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod connections;
mod cost;
mod error;
mod events;
mod host;
mod job;
mod job_store;
mod options;
mod painter;
mod pipeline_painter;
mod previews;
mod queue;
mod request;
mod routes;
mod serve;
mod serve_arguments;
mod server;
mod state;
mod web;
mod worker;

pub use self::{
    error::{ServerError, StartError},
    host::HostPolicy,
    options::{ServerOptions, Token},
    painter::{PaintProgress, PaintRequest, Painter, ProgressSink},
    pipeline_painter::{InputLimits, PipelinePainter},
    serve::serve,
    serve_arguments::ServeArguments,
    server::PaintServer,
};
