//! Options from environment variables.

mod server;

use std::{collections::HashMap, ffi::OsString, fs, path::Path, time::Duration};

use hunyuan_paint_hub::{HubError, HubOptions, RepoId, Token};
use tempfile::tempdir;

use server::{TestResult, error_of};

const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

fn read(variables: &[(&str, &str)]) -> Result<HubOptions, HubError> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    HubOptions::from_variables(|name| variables.get(name).map(OsString::from))
}

#[test]
fn the_cache_is_that_of_the_hubs_clients() -> TestResult {
    let mut variables = vec![(HOME, "/home/me")];
    let cases = [
        (("NOTHING", ""), "/home/me/.cache/huggingface/hub"),
        (("XDG_CACHE_HOME", "/xdg"), "/xdg/huggingface/hub"),
        (("HF_HOME", "/hf"), "/hf/hub"),
        (("HUGGINGFACE_HUB_CACHE", "/old"), "/old"),
        (("HF_HUB_CACHE", "/new"), "/new"),
    ];
    // Each takes precedence over all above it.
    for (variable, expected) in cases {
        variables.push(variable);
        assert_eq!(read(&variables)?.cache, Path::new(expected), "{variables:?}");
    }
    assert_eq!(
        read(&[(HOME, "/me"), ("HF_HOME", ""), ("HF_HUB_CACHE", "")])?.cache,
        Path::new("/me/.cache/huggingface/hub")
    );
    let error = error_of(read(&[]))?;
    assert!(matches!(error, HubError::Option { option: "HF_HUB_CACHE", .. }), "{error}");
    Ok(())
}

#[test]
fn the_token_comes_from_the_first_source() -> TestResult {
    let home = tempdir()?;
    let home_path = home.path().to_str().ok_or("a path in UTF-8")?;
    let file = home.path().join("elsewhere");
    let file_path = file.to_str().ok_or("a path in UTF-8")?;
    let token = |variables: &[(&str, &str)]| {
        Ok::<_, HubError>(read(&[&[("HF_HOME", home_path)], variables].concat())?.token)
    };
    let expected = |text: &str| Token::new(text).map(Some);

    assert_eq!(token(&[])?, None);
    fs::write(home.path().join("token"), "hf_home\n")?;
    assert_eq!(token(&[])?, expected("hf_home")?);
    assert_eq!(token(&[("HF_TOKEN_PATH", file_path)])?, None, "the file is not there");
    fs::write(&file, " hf_file ")?;
    assert_eq!(token(&[("HF_TOKEN_PATH", file_path)])?, expected("hf_file")?);
    assert_eq!(token(&[("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")])?, None);
    assert_eq!(token(&[("HUGGING_FACE_HUB_TOKEN", "hf_old")])?, expected("hf_old")?);
    let both = [
        ("HUGGING_FACE_HUB_TOKEN", "hf_old"),
        ("HF_TOKEN", "hf_new\n"),
        ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"),
    ];
    assert_eq!(token(&both)?, expected("hf_new")?);
    fs::write(home.path().join("token"), "")?;
    assert_eq!(token(&[])?, None);
    assert!(matches!(token(&[("HF_TOKEN", "a b")]), Err(HubError::Token)));
    Ok(())
}

#[test]
fn endpoint_offline_and_timeout_are_read() -> TestResult {
    let options = read(&[(HOME, "/me")])?;
    assert_eq!((options.endpoint.as_str(), options.offline), ("https://huggingface.co", false));
    assert_eq!((options.revision.as_str(), options.retries), ("main", 5));
    assert_eq!(options.stall_timeout, Duration::from_secs(30));

    let mirror = read(&[(HOME, "/me"), ("HF_ENDPOINT", "https://mirror.example/hf/")])?;
    assert_eq!(mirror.endpoint, "https://mirror.example/hf");
    for (value, expected) in
        [("1", true), ("ON", true), ("yes", true), ("True", true), ("0", false), ("no", false)]
    {
        assert_eq!(read(&[(HOME, "/me"), ("HF_HUB_OFFLINE", value)])?.offline, expected, "{value}");
    }
    let patient = read(&[(HOME, "/me"), ("HF_HUB_DOWNLOAD_TIMEOUT", "2.5")])?;
    assert_eq!(patient.stall_timeout, Duration::from_millis(2500));
    for seconds in ["0", "-1", "soon", "inf", "NaN"] {
        let error = error_of(read(&[(HOME, "/me"), ("HF_HUB_DOWNLOAD_TIMEOUT", seconds)]))?;
        assert!(error.to_string().starts_with("HF_HUB_DOWNLOAD_TIMEOUT: expected a number"), "{error}");
    }
    let error = error_of(read(&[(HOME, "/me"), ("HF_ENDPOINT", "huggingface.co")]))?;
    assert!(matches!(error, HubError::Option { option: "endpoint", .. }), "{error}");
    Ok(())
}

#[test]
fn only_names_of_repositories_are_parsed() -> TestResult {
    for good in ["tencent/Hunyuan3D-2", "a/b", "me_2/x.y-z_0"] {
        assert_eq!(good.parse::<RepoId>()?.to_string(), good);
    }
    let long = format!("a/{}", "b".repeat(95));
    let bad = [
        ("", "no '/'"),
        ("Hunyuan3D-2", "no '/'"),
        ("a/b/c", "more than one"),
        ("https://huggingface.co/tencent/Hunyuan3D-2", "more than one"),
        ("/b", "empty"),
        ("a/", "empty"),
        (long.as_str(), "longer than 96"),
        ("a b/c", "characters"),
        ("ä/c", "characters"),
        ("a/b\\c", "characters"),
        ("../b", "'..'"),
        ("a--b/c", "'--'"),
        ("./model", "begins or ends"),
        ("a/-b", "begins or ends"),
        ("a/b.", "begins or ends"),
    ];
    for (text, reason) in bad {
        let error = error_of(text.parse::<RepoId>())?;
        assert!(matches!(&error, HubError::RepoId { input, .. } if input == text), "{error}");
        assert!(error.to_string().contains(reason) && error.to_string().contains("owner/name"), "{error}");
    }
    Ok(())
}
