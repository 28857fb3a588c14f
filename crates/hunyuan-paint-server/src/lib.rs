#![doc = include_str!("../README.md")]

mod archive;
mod body;
mod error;
mod events;
mod job;
mod options;
mod painter;
mod pipeline_painter;
mod previews;
mod queue;
mod request;
mod routes;
mod server;
mod web;
mod worker;

pub use self::{
    error::ServerError,
    options::{ServerOptions, Token},
    painter::{PaintProgress, PaintRequest, Painter, ProgressSink},
    pipeline_painter::{InputLimits, PipelinePainter},
    server::PaintServer,
};
