//! Addresses of requests, and allowed targets of redirections.

use std::str::FromStr;

use ureq::http::Uri;

use crate::HubError;

/// Parses the address of a request.
pub(crate) fn parse(url: &str) -> Result<Uri, HubError> {
    Uri::from_str(url).map_err(|error| HubError::Malformed {
        url: without_query(url),
        expected: "an address",
        found: error.to_string(),
    })
}

/// Resolves the location of a redirection. Returns `None` if it is malformed, or would lead from
/// https to http.
pub(crate) fn target(uri: &Uri, location: &str) -> Option<Uri> {
    let (scheme, host) = (uri.scheme_str()?, uri.authority()?);
    if location.starts_with('/') && !location.starts_with("//") {
        return Uri::from_str(&format!("{scheme}://{host}{location}")).ok();
    }
    let target = Uri::from_str(location).ok()?;
    let is_safe = match target.scheme_str()? {
        "https" => true,
        "http" => scheme == "http",
        _ => false,
    };
    is_safe.then_some(target)
}

/// Returns whether two addresses have the same scheme, host and port.
pub(crate) fn is_same_origin(a: &Uri, b: &Uri) -> bool {
    let port = |uri: &Uri| uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    a.scheme() == b.scheme() && host(a) == host(b) && port(a) == port(b)
}

/// Returns whether an address belongs to the endpoint or to the public hub, to which a mirror may
/// redirect.
pub(crate) fn is_hub(uri: &Uri, endpoint: &Uri) -> bool {
    let is_public = uri.scheme_str() == Some("https") && uri.host() == Some("huggingface.co");
    is_same_origin(uri, endpoint) || is_public
}

/// Formats an address for messages.
pub(crate) fn shown(uri: &Uri) -> String {
    without_query(&uri.to_string())
}

/// Strips the query: the URLs of CDNs carry a signature.
pub(crate) fn without_query(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use ureq::http::Uri;

    use super::{is_hub, is_same_origin, target};

    type TestResult = Result<(), ureq::http::uri::InvalidUri>;

    #[test]
    fn redirections_never_leave_https() -> TestResult {
        let cases = [
            ("https://hub.example/a/b?c", "/d/e?f=g", Some("https://hub.example/d/e?f=g")),
            ("http://hub.example:81/a", "/d", Some("http://hub.example:81/d")),
            ("https://hub.example/a", "https://cdn.example/x", Some("https://cdn.example/x")),
            ("http://hub.example/a", "https://cdn.example/x", Some("https://cdn.example/x")),
            ("http://hub.example/a", "http://cdn.example/x", Some("http://cdn.example/x")),
            ("https://hub.example/a", "http://hub.example/a", None),
            ("https://hub.example/a", "//cdn.example/x", None),
            ("https://hub.example/a", "file:///etc/passwd", None),
            ("https://hub.example/a", "x", None),
            ("https://hub.example/a", "", None),
        ];
        for (from, location, expected) in cases {
            let found = target(&Uri::from_str(from)?, location).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{from} to {location}");
        }
        Ok(())
    }

    #[test]
    fn a_mirror_may_redirect_to_the_public_hub() -> TestResult {
        let mirror = Uri::from_str("https://mirror.example/hf")?;
        let cases = [
            ("https://mirror.example/a", true),
            ("https://huggingface.co/a", true),
            ("http://huggingface.co/a", false),
            ("https://cdn.huggingface.co/a", false),
        ];
        for (address, expected) in cases {
            assert_eq!(is_hub(&Uri::from_str(address)?, &mirror), expected, "{address}");
        }
        Ok(())
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() -> TestResult {
        let cases = [
            ("https://HUB.example:443/b", true),
            ("http://hub.example:443", false),
            ("https://hub.example:444", false),
            ("https://cdn.hub.example", false),
            ("https://hub.example.evil.example", false),
        ];
        for (other, expected) in cases {
            let found = is_same_origin(&Uri::from_str("https://hub.example/a")?, &Uri::from_str(other)?);
            assert_eq!(found, expected, "{other}");
        }
        Ok(())
    }
}
