//! The transfer of one file: resumed, verified, and visible only when complete.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use ureq::{
    Body,
    http::{Response, StatusCode, header},
};

use crate::{
    HubError, HubOptions, RepoId,
    cache::{RepoCache, create_parent},
    checksum::Hasher,
    client::{Client, FileState},
    retry::retry,
};

/// The size of the read buffer in bytes.
const PIECE: usize = 1 << 17;

/// The context of all transfers of one call.
pub(crate) struct Transfer<'a> {
    pub(crate) client: &'a Client<'a>,
    pub(crate) cache: &'a RepoCache,
    pub(crate) options: &'a HubOptions,
    pub(crate) repository: &'a RepoId,
    pub(crate) commit: &'a str,
}

/// A callback for the number of downloaded bytes of a file.
pub(crate) type OnBytes<'a> = dyn FnMut(u64) -> Result<(), HubError> + 'a;

impl Transfer<'_> {
    /// Downloads the content of a file into the cache, unless it is there.
    pub(crate) fn fetch(
        &self,
        file: &str,
        state: &FileState,
        on_bytes: &mut OnBytes<'_>,
    ) -> Result<(), HubError> {
        let hash = state.checksum.hex();
        let (blob, partial) = (self.cache.blob(hash), self.cache.partial(hash));
        if has_size(&blob, state.size) {
            return on_bytes(state.size);
        }
        create_parent(&blob)?;
        let length = || fs::metadata(&partial).map_or(0, |metadata| metadata.len());
        let _lock = self.cache.lock(hash, || on_bytes(length().min(state.size)))?;
        // Another process may have finished meanwhile.
        if has_size(&blob, state.size) {
            return on_bytes(state.size);
        }
        let file = Incoming { transfer: self, name: file, state, partial };
        retry(self.options, || file.receive_whole(on_bytes))?;
        // Replaces a blob of another size, if there is one.
        fs::rename(&file.partial, &blob).map_err(HubError::io(&blob))
    }
}

fn has_size(path: &Path, size: u64) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
}

/// A file during its download.
struct Incoming<'a> {
    transfer: &'a Transfer<'a>,
    name: &'a str,
    state: &'a FileState,
    partial: PathBuf,
}

impl Incoming<'_> {
    /// Resumes a partial download, and starts again if that turns out to be unusable.
    fn receive_whole(&self, on_bytes: &mut OnBytes<'_>) -> Result<(), HubError> {
        let length = fs::metadata(&self.partial).map_or(0, |metadata| metadata.len());
        let from = if length > self.state.size { 0 } else { length };
        match self.receive(from, on_bytes) {
            Err(HubError::Hash { .. } | HubError::Size { .. } | HubError::Status { status: 416, .. })
                if from > 0 =>
            {
                tracing::warn!(file = self.name, "the partial download is unusable; starting again");
                self.receive(0, on_bytes)
            }
            result => result,
        }
    }

    /// Receives the file from byte `from`, and verifies it. Removes it if a check fails.
    fn receive(&self, from: u64, on_bytes: &mut OnBytes<'_>) -> Result<(), HubError> {
        let result = self.receive_and_check(from, on_bytes);
        if let Err(HubError::Hash { .. } | HubError::Size { .. }) = result {
            fs::remove_file(&self.partial).map_err(HubError::io(&self.partial))?;
        }
        result
    }

    fn receive_and_check(&self, from: u64, on_bytes: &mut OnBytes<'_>) -> Result<(), HubError> {
        let FileState { size, checksum } = self.state;
        let io_error = || HubError::io(&self.partial);
        let open = File::options().create(true).truncate(false).read(true).write(true).open(&self.partial);
        let mut out = open.map_err(io_error())?;
        let mut received = from;
        let mut hasher = checksum.hasher(*size);
        if received < *size {
            let Transfer { client, repository, commit, .. } = self.transfer;
            let mut response = client.open(repository, commit, self.name, from)?;
            received = self.start(&response, from)?;
            // The server may start from the beginning although it was asked to resume.
            out.set_len(received).map_err(io_error())?;
            hash_file(&mut out, &mut hasher).map_err(io_error())?;
            on_bytes(received)?;
            self.copy(&mut response, &mut out, &mut hasher, &mut received, on_bytes)?;
            if received < *size {
                let file = self.name.to_owned();
                return Err(HubError::Truncated { file, expected: *size, found: received });
            }
            out.sync_all().map_err(io_error())?;
        } else {
            out.set_len(received).map_err(io_error())?;
            hash_file(&mut out, &mut hasher).map_err(io_error())?;
        }
        let found = hasher.finish();
        if found != checksum.hex() {
            let (file, expected) = (self.name.to_owned(), checksum.hex().to_owned());
            return Err(HubError::Hash { file, algorithm: checksum.algorithm(), expected, found });
        }
        Ok(())
    }

    /// Returns the position of the first byte of a response.
    fn start(&self, response: &Response<Body>, from: u64) -> Result<u64, HubError> {
        let headers = response.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let start = if response.status() == StatusCode::PARTIAL_CONTENT {
            let range = text(header::CONTENT_RANGE).unwrap_or_default();
            let bounds = range.strip_prefix("bytes ").and_then(|range| range.split_once('-'));
            let start = bounds.and_then(|(start, _)| start.parse::<u64>().ok());
            start.filter(|start| *start == from).ok_or_else(|| HubError::Malformed {
                url: self.url(),
                expected: "the requested bytes",
                found: format!("'{range}'"),
            })?
        } else {
            0
        };
        let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        match length.map(|length| start.saturating_add(length)) {
            Some(found) if found != self.state.size => Err(self.wrong_size(found)),
            _ => Ok(start),
        }
    }

    fn copy(
        &self,
        response: &mut Response<Body>,
        out: &mut File,
        hasher: &mut Hasher,
        received: &mut u64,
        on_bytes: &mut OnBytes<'_>,
    ) -> Result<(), HubError> {
        let mut body = response.body_mut().as_reader();
        let mut piece = vec![0; PIECE];
        loop {
            let count = match body.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                // The server closed the connection early; the caller notices the missing bytes.
                Err(error) if is_hang_up(&error) => return Ok(()),
                Err(error) => return Err(self.transfer.client.body_error(&self.url(), error)),
            };
            let bytes = &piece[..count];
            if *received + count as u64 > self.state.size {
                return Err(self.wrong_size(*received + count as u64));
            }
            out.write_all(bytes).map_err(HubError::io(&self.partial))?;
            hasher.update(bytes);
            *received += count as u64;
            on_bytes(*received)?;
        }
    }

    fn wrong_size(&self, found: u64) -> HubError {
        HubError::Size { file: self.name.to_owned(), expected: self.state.size, found }
    }

    fn url(&self) -> String {
        let Transfer { client, repository, commit, .. } = self.transfer;
        client.file_url(repository, commit, self.name)
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted)
}

/// Hashes a file from the beginning, and leaves the position at its end.
fn hash_file(file: &mut File, hasher: &mut Hasher) -> io::Result<()> {
    file.rewind()?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            count => hasher.update(&piece[..count]),
        }
    }
}
