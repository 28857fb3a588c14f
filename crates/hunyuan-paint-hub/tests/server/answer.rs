//! The server's answers.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::json;

use super::{Fault, Seen, State, hash, is_large, lock};

pub(super) fn answer(
    mut stream: impl Read + Write,
    state: &Mutex<State>,
    closed: &AtomicBool,
    on_cdn: bool,
) -> io::Result<()> {
    let mut lines = BufReader::new(&mut stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut headers = BTreeMap::new();
    for line in &mut lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    drop(lines);
    let mut words = request.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let seen = Seen {
        method: method.clone(),
        path: path.clone(),
        on_cdn,
        authorization: headers.remove("authorization"),
        range: headers.remove("range"),
    };
    let mut reply = Reply { stream, is_head: method == "HEAD" };
    let wanted = lock(state).token.clone().map(|token| format!("Bearer {token}"));
    let is_allowed = on_cdn || wanted.is_none() || wanted == seen.authorization;
    lock(state).seen.push(seen.clone());
    if !is_allowed {
        return reply.send("401 Unauthorized", &[], b"");
    }
    let path = path.split('?').next().unwrap_or_default();
    if path.starts_with("/api/models/") {
        return describe(&mut reply, state);
    }
    // /owner/name/resolve/commit/file, and the targets of its redirections.
    let file = match path.split_once("/resolve-cache/").or(path.split_once("/resolve/")) {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, file)| file).to_owned(),
        None => String::new(),
    };
    let Some(content) = lock(state).files.get(&file).cloned() else {
        return reply.send("404 Not Found", &[], b"");
    };
    let redirect_to = match (is_large(&file), on_cdn) {
        (true, false) => Some(format!("{}{path}?signature=secret", lock(state).cdn)),
        (false, _) if !path.contains("/resolve-cache/") => Some(path.replace("/resolve/", "/resolve-cache/")),
        _ => None,
    };
    let stated_size = lock(state).stated_sizes.get(&file).copied().unwrap_or(content.len());
    let stated_hash = lock(state).stated_hashes.get(&file).cloned().unwrap_or_else(|| hash(&file, &content));
    if let Some(location) = redirect_to {
        // The ETag of the redirection is not that of the file.
        let mut headers = vec![format!("location: {location}"), "etag: \"of-the-redirection\"".into()];
        if is_large(&file) {
            headers.push(format!("x-linked-etag: \"{stated_hash}\""));
            headers.push(format!("x-linked-size: {stated_size}"));
        }
        return reply.send("302 Found", &headers, b"");
    }
    if reply.is_head {
        let headers = [format!("etag: \"{stated_hash}\""), format!("content-length: {stated_size}")];
        return reply.head("200 OK", &headers);
    }
    serve(&mut reply, state, closed, &file, content, seen.range)
}

fn describe(reply: &mut Reply<impl Read + Write>, state: &Mutex<State>) -> io::Result<()> {
    match strike(state, "api") {
        Some(Fault::Status(status, retry_after)) => return reply.status(status, retry_after),
        Some(Fault::Body(body)) => return reply.send("200 OK", &[], body.as_bytes()),
        _ => {}
    }
    let state = lock(state);
    let siblings: Vec<_> = state.files.keys().map(|path| json!({ "rfilename": path })).collect();
    let description = json!({ "sha": state.commit, "siblings": siblings, "cardData": state.card });
    reply.send("200 OK", &[], description.to_string().as_bytes())
}

/// Returns the fault for this request, if there is one.
fn strike(state: &Mutex<State>, path: &str) -> Option<Fault> {
    let mut state = lock(state);
    let (fault, times) = state.faults.get_mut(path).filter(|(_, times)| *times > 0)?;
    *times -= 1;
    Some(fault.clone())
}

fn serve(
    reply: &mut Reply<impl Read + Write>,
    state: &Mutex<State>,
    closed: &AtomicBool,
    file: &str,
    mut content: Vec<u8>,
    range: Option<String>,
) -> io::Result<()> {
    let fault = strike(state, file);
    let asked =
        range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let mut from = asked.unwrap_or(0_usize);
    let (size, mut piece, mut pause, mut end) = (content.len(), 1 << 16, 0, None);
    let mut stated = None;
    match fault {
        Some(Fault::Status(status, retry_after)) => return reply.status(status, retry_after),
        Some(Fault::Body(body)) => return reply.send("200 OK", &[], body.as_bytes()),
        Some(Fault::NoAnswer) => return Ok(()),
        Some(Fault::StallAfter(count) | Fault::HangUpAfter(count)) => end = Some(count),
        Some(Fault::WrongBytes) => content.iter_mut().for_each(|byte| *byte ^= 0x55),
        Some(Fault::IgnoreRange) => from = 0,
        Some(Fault::WrongRange) => from += 1,
        Some(Fault::Excess(count)) => content.resize(size + count, 7),
        Some(Fault::WrongLength(length)) => stated = Some(length),
        Some(Fault::Slow(milliseconds)) => (piece, pause) = (4096, milliseconds),
        None => {}
    }
    if from >= size && from > 0 {
        return reply.send("416 Range Not Satisfiable", &[], b"");
    }
    let body = &content[from..];
    let mut headers = vec!["etag: \"of-the-cdn\"".to_owned()];
    if !matches!(fault, Some(Fault::Excess(_))) {
        headers.push(format!("content-length: {}", stated.unwrap_or(body.len())));
    }
    if asked.is_some() && !matches!(fault, Some(Fault::IgnoreRange)) {
        headers.push(format!("content-range: bytes {from}-{}/{size}", size - 1));
        reply.head("206 Partial Content", &headers)?;
    } else {
        reply.head("200 OK", &headers)?;
    }
    let body = &body[..end.unwrap_or(body.len()).min(body.len())];
    for bytes in body.chunks(piece) {
        reply.stream.write_all(bytes)?;
        *lock(state).sent.entry(file.to_owned()).or_default() += bytes.len();
        thread::sleep(Duration::from_millis(pause));
    }
    let is_healed = || !lock(state).faults.contains_key(file);
    while matches!(fault, Some(Fault::StallAfter(_))) && !closed.load(Ordering::SeqCst) && !is_healed() {
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

struct Reply<S> {
    stream: S,
    is_head: bool,
}

impl<S: Read + Write> Reply<S> {
    fn head(&mut self, status: &str, headers: &[String]) -> io::Result<()> {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        write!(self.stream, "HTTP/1.1 {status}\r\n{headers}connection: close\r\n\r\n")
    }

    fn send(&mut self, status: &str, headers: &[String], body: &[u8]) -> io::Result<()> {
        let length = format!("content-length: {}", body.len());
        self.head(status, &[headers, &[length]].concat())?;
        if self.is_head { Ok(()) } else { self.stream.write_all(body) }
    }

    fn status(&mut self, status: u16, retry_after: Option<u64>) -> io::Result<()> {
        let header = retry_after.map(|seconds| format!("retry-after: {seconds}"));
        self.send(&format!("{status} As Ordered"), header.as_slice(), b"an error page")
    }
}
