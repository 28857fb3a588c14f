#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod cache;
mod checksum;
mod client;
mod environment;
mod error;
mod fetch;
mod folder;
mod license;
mod options;
mod repo_id;
mod retry;
mod transfer;

pub use self::{
    error::HubError,
    fetch::fetch_folders,
    folder::{Component, ModelFolder, Selection},
    license::License,
    options::{DownloadCallback, DownloadProgress, HubOptions, LicenseCallback, Token},
    repo_id::RepoId,
};
