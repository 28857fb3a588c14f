//! The `Host` header, which tells under which name a browser knows this server.
//!
//! A page elsewhere can point its own domain at 127.0.0.1 after it was loaded (DNS rebinding). The
//! browser then treats this server as part of that page's origin, but still sends the page's domain
//! as the host.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{ServerError, state::Shared};

/// The host names under which the server may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostPolicy {
    /// Every name: for a network where clients use names that the server does not know.
    Any,
    /// `localhost`, `127.0.0.1`, `[::1]`, and the names listed here. Ports are ignored.
    LoopbackAnd(Vec<String>),
}

impl Default for HostPolicy {
    fn default() -> Self {
        Self::LoopbackAnd(Vec::new())
    }
}

impl HostPolicy {
    fn allows(&self, host: &str) -> bool {
        let Self::LoopbackAnd(names) = self else { return true };
        let name = without_port(host);
        let loopback = ["localhost", "127.0.0.1", "[::1]"];
        loopback
            .into_iter()
            .chain(names.iter().map(String::as_str))
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), ServerError> {
        if *self == Self::Any {
            return Ok(());
        }
        let in_headers = headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
        let mut hosts = in_headers.chain(uri.authority().map(|authority| authority.as_str())).peekable();
        let refused = match hosts.peek() {
            None => Some("none"),
            Some(_) => hosts.find(|host| !self.allows(host)),
        };
        refused.map_or(Ok(()), |found| Err(ServerError::Host { found: found.into() }))
    }
}

/// Removes the port, but not the last part of an IPv6 address in brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Refuses requests for other hosts, before anything else is done with them.
pub(crate) async fn check_host(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match shared.options.hosts.check(request.headers(), request.uri()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_listed_names_are_allowed() {
        let policy = HostPolicy::LoopbackAnd(vec!["Paint.example".into()]);
        for host in [
            "localhost",
            "LOCALHOST:8081",
            "127.0.0.1",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:8081",
            "paint.example:1",
        ] {
            assert!(policy.allows(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evil.example:127",
            "127.0.0.2",
            "[::2]",
            "x:localhost",
        ] {
            assert!(!policy.allows(host), "{host}");
            assert!(HostPolicy::Any.allows(host), "{host}");
        }
    }

    #[test]
    fn every_given_host_must_be_allowed_and_one_must_be_given() {
        let check = |hosts: &[&'static str], uri: &'static str| {
            let headers =
                hosts.iter().map(|host| (header::HOST, header::HeaderValue::from_static(host))).collect();
            HostPolicy::default().check(&headers, &Uri::from_static(uri))
        };
        assert_eq!(check(&["localhost"], "/"), Ok(()));
        assert_eq!(check(&[], "http://localhost/"), Ok(()));
        for (hosts, uri) in [
            (&[][..], "/"),
            (&["evil.example"], "/"),
            (&["localhost", "evil.example"], "/"),
            (&["localhost"], "http://evil.example/"),
        ] {
            assert!(matches!(check(hosts, uri), Err(ServerError::Host { .. })), "{hosts:?} {uri}");
        }
    }
}
