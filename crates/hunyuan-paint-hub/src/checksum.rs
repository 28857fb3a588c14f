//! The hashes by which the hub identifies the content of files.

use sha1::{Digest as _, Sha1};
use sha2::Sha256;

/// The expected hash of a file, in lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// The hash of a large file.
    Sha256(String),
    /// The hash of a small file as a Git blob, which includes its length.
    GitSha1(String),
}

impl Checksum {
    /// Parses an `ETag` of the hub.
    pub(crate) fn from_etag(etag: &str) -> Option<Self> {
        let hex = etag.trim().trim_start_matches("W/").trim_matches('"').to_ascii_lowercase();
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        match hex.len() {
            64 => Some(Self::Sha256(hex)),
            40 => Some(Self::GitSha1(hex)),
            _ => None,
        }
    }

    /// Returns the digits, which also name the blob in the cache.
    pub(crate) fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::GitSha1(hex) => hex,
        }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::GitSha1(_) => "Git SHA-1",
        }
    }

    /// Creates a hasher of the same kind for a file of `size` bytes.
    pub(crate) fn hasher(&self, size: u64) -> Hasher {
        match self {
            Self::Sha256(_) => Hasher::Sha256(Sha256::new()),
            Self::GitSha1(_) => Hasher::GitSha1(Sha1::new_with_prefix(format!("blob {size}\0"))),
        }
    }
}

/// A hash in progress.
pub(crate) enum Hasher {
    Sha256(Sha256),
    GitSha1(Sha1),
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::GitSha1(hasher) => hasher.update(bytes),
        }
    }

    /// Returns the hash in lower-case hex digits.
    pub(crate) fn finish(self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sha256(hasher) => hex(&hasher.finalize()),
            Self::GitSha1(hasher) => hex(&hasher.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    fn hash(etag: &str, content: &[u8]) -> Option<String> {
        let mut hasher = Checksum::from_etag(etag)?.hasher(content.len() as u64);
        hasher.update(content);
        Some(hasher.finish())
    }

    #[test]
    fn hashes_match_sha256sum_and_git_hash_object() {
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash(&format!("\"{sha256}\""), b"abc").as_deref(), Some(sha256));
        let git = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f";
        assert_eq!(hash(&format!("W/\"{}\"", git.to_uppercase()), b"abc").as_deref(), Some(git));
    }

    #[test]
    fn other_etags_are_rejected() {
        for etag in ["", "\"\"", "\"5d41402abc4b2a76b9719d911017c592-3\"", &"g".repeat(40), &"a".repeat(41)] {
            assert_eq!(Checksum::from_etag(etag), None, "{etag}");
        }
    }
}
