use anyhow::Result;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::data_dir::DataDir;

const FILE: &str = "secrets.json";

/// What the private servers and the front keep secret, drawn once per data
/// folder so that tokens and links stay good across restarts.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    pub(crate) postgres_password: String,
    pub(crate) redis_password: String,
    pub(crate) s3_access_key_id: String,
    pub(crate) s3_secret_access_key: String,
    /// Base64 of 32 bytes.
    pub access_token_key: String,
    /// Base64 of 32 bytes.
    pub link_token_key: String,
}

impl Secrets {
    /// Reads the secrets of this folder, or draws and keeps them.
    ///
    /// # Errors
    /// The folder's file cannot be read or written.
    pub fn of(data_dir: &DataDir) -> Result<Self> {
        if let Some(kept) = data_dir.load(FILE)? {
            return Ok(kept);
        }
        let drawn = Self::draw();
        data_dir.save(FILE, &drawn)?;
        Ok(drawn)
    }

    fn draw() -> Self {
        Self {
            postgres_password: password(),
            redis_password: password(),
            s3_access_key_id: format!("FORECOURT{}", hex::encode_upper(rand::random::<[u8; 5]>())),
            s3_secret_access_key: password(),
            access_token_key: key(),
            link_token_key: key(),
        }
    }
}

/// 32 hexadecimal digits: safe inside a URL and on a command line.
pub(crate) fn password() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

fn key() -> String {
    BASE64_STANDARD.encode(rand::random::<[u8; 32]>())
}
