#![doc = include_str!("../README.md")]

mod address;
mod cache;
mod checksum;
mod client;
mod environment;
mod error;
mod fetch;
mod folder;
mod licence;
mod options;
mod repo_id;
mod retry;
mod transfer;

pub use self::{
    error::HubError,
    fetch::fetch_folders,
    folder::{Component, ModelFolder},
    licence::Licence,
    options::{DownloadCallback, DownloadProgress, HubOptions, LicenceCallback, Token},
    repo_id::RepoId,
};
