//! The environment variables that all clients of the hub share.

use std::{env, ffi::OsString, fs, io, path::PathBuf, time::Duration};

use crate::{HubError, HubOptions, Token};

impl HubOptions {
    /// Reads the options from the environment:
    ///
    /// | variable | sets |
    /// |---|---|
    /// | `HF_ENDPOINT` | the endpoint |
    /// | `HF_HUB_CACHE`, else `HUGGINGFACE_HUB_CACHE`, else `hub` in `HF_HOME`, else in `XDG_CACHE_HOME/huggingface`, else in `~/.cache/huggingface` | the cache |
    /// | `HF_TOKEN`, else `HUGGING_FACE_HUB_TOKEN`, else the file `HF_TOKEN_PATH`, else the file `token` beside `hub`; no file if `HF_HUB_DISABLE_IMPLICIT_TOKEN` is set | the token |
    /// | `HF_HUB_OFFLINE` | `offline` |
    /// | `HF_HUB_DOWNLOAD_TIMEOUT` | the stall timeout, in seconds |
    ///
    /// Empty variables count as unset. Every download respects `HTTPS_PROXY`, `HTTP_PROXY`,
    /// `ALL_PROXY`, `NO_PROXY`, `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    ///
    /// # Errors
    /// If a variable is invalid, the file with the token cannot be read, or neither a variable nor
    /// a home folder determines the cache.
    pub fn from_env() -> Result<Self, HubError> {
        Self::from_variables(|name| env::var_os(name))
    }

    /// Like [`from_env`](Self::from_env), with variables from a function.
    ///
    /// # Errors
    /// Those of [`from_env`](Self::from_env).
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, HubError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| variable(name).map(PathBuf::from);
        let text = |name: &'static str| match variable(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text.trim().to_owned())),
            Some(Err(found)) => Err(HubError::Option {
                option: name,
                expected: "text in UTF-8",
                found: found.to_string_lossy().into_owned(),
            }),
        };
        let flag = |name: &'static str| Ok::<_, HubError>(text(name)?.is_some_and(|text| is_true(&text)));

        let user_home = path(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
        let home = path("HF_HOME")
            .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
            .or_else(|| user_home.map(|home| home.join(".cache/huggingface")));
        let cache = path("HF_HUB_CACHE")
            .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| home.as_ref().map(|home| home.join("hub")));
        let Some(cache) = cache else {
            let expected = "the folder of the cache, because there is no home folder";
            return Err(HubError::Option { option: "HF_HUB_CACHE", expected, found: String::new() });
        };

        let mut options = Self::new(cache);
        if let Some(endpoint) = text("HF_ENDPOINT")? {
            options.endpoint = endpoint.trim_end_matches('/').to_owned();
        }
        options.token = match text("HF_TOKEN")?.or(text("HUGGING_FACE_HUB_TOKEN")?) {
            Some(token) => Some(Token::new(token)?),
            None if flag("HF_HUB_DISABLE_IMPLICIT_TOKEN")? => None,
            None => match path("HF_TOKEN_PATH").or_else(|| home.map(|home| home.join("token"))) {
                Some(file) => read_token(file)?,
                None => None,
            },
        };
        options.offline = flag("HF_HUB_OFFLINE")?;
        if let Some(seconds) = text("HF_HUB_DOWNLOAD_TIMEOUT")? {
            let timeout = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            options.stall_timeout = timeout.filter(|timeout| !timeout.is_zero()).ok_or(HubError::Option {
                option: "HF_HUB_DOWNLOAD_TIMEOUT",
                expected: "a number of seconds above 0",
                found: seconds,
            })?;
        }
        options.check()?;
        Ok(options)
    }
}

/// Accepts the same values as the hub's Python client.
fn is_true(value: &str) -> bool {
    ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str())
}

/// Reads the token from a file, if it exists and is not empty.
fn read_token(file: PathBuf) -> Result<Option<Token>, HubError> {
    match fs::read_to_string(&file) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Token::new(text.trim()).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(HubError::Io { path: file, source }),
    }
}
