//! Where a photo lies in the bucket until a job has judged it: under the key that it is to be kept at, apart from what is.
//!
//! What a job takes it copies; `ForgetUploads` removes all that is left here, and what was copied in vain.

/// What the keys of uploads begin with.
pub const INCOMING: &str = "incoming/";

/// Where a photo waits that is to be kept at `key`.
pub fn incoming(key: &str) -> String {
    format!("{INCOMING}{key}")
}

/// Where the photo is to be kept that waits at `key`; `None` for the key of no upload.
pub fn kept(key: &str) -> Option<&str> {
    key.strip_prefix(INCOMING)
}
