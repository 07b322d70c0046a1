//! One photo on its way through a temporary file.

use std::{
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use rules::photo::{Format, Limits, PhotoRefused};
use sha2::{Digest, Sha256};
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
};

/// A photo on disk, hashed and of a known format; what it shows is the worker's to judge.
pub(super) struct Spooled {
    pub(super) format: Format,
    pub(super) size: i64,
    /// Hexadecimal.
    pub(super) sha256: String,
    path: PathBuf,
    /// It has no name, so it goes with the process, however that ends.
    _file: File,
}

impl Spooled {
    /// The file, to be opened as often as it is needed while this lives.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads a part to its end into a file, counting and hashing on the way. What is
/// refused, by its first bytes or its size, is read to its end without being kept.
pub(super) async fn spool(part: &mut (impl AsyncRead + Unpin)) -> io::Result<Result<Spooled, PhotoRefused>> {
    // As many as the longest signature has.
    let mut head = Vec::with_capacity(12);
    (&mut *part).take(12).read_to_end(&mut head).await?;
    let format = match Format::sniff(&head) {
        Ok(format) => format,
        Err(refused) => return drain(part).await.map(|()| Err(refused)),
    };
    let file = tokio::task::spawn_blocking(tempfile::tempfile).await??;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd()).into();
    let mut kept = Kept { file: File::from_std(file), hash: Sha256::new(), size: 0 };
    kept.add(&head).await?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = part.read(&mut piece).await?;
        if read == 0 {
            break;
        }
        if let Err(refused) = Limits::default().size(kept.size + read as u64) {
            return drain(part).await.map(|()| Err(refused));
        }
        kept.add(&piece[..read]).await?;
    }
    kept.file.flush().await?;
    let size = i64::try_from(kept.size).map_err(io::Error::other)?;
    Ok(Ok(Spooled { format, size, sha256: hex::encode(kept.hash.finalize()), path, _file: kept.file }))
}

struct Kept {
    file: File,
    hash: Sha256,
    size: u64,
}

impl Kept {
    async fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hash.update(piece);
        self.size += piece.len() as u64;
        self.file.write_all(piece).await
    }
}

/// Reads to the end and keeps nothing. The whole body has a limit.
pub(super) async fn drain(part: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    tokio::io::copy(part, &mut tokio::io::sink()).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fifteen_megabytes_are_kept_and_one_byte_more_is_not() {
        let limit = Limits::default().max_bytes;
        for (extra, kept) in [(0, true), (1, false)] {
            let rest = tokio::io::repeat(7).take(limit - 3 + extra);
            let mut part = (&b"\xff\xd8\xff"[..]).chain(rest);
            let spooled = spool(&mut part).await.unwrap();
            assert_eq!(spooled.is_ok(), kept);
        }
    }
}
