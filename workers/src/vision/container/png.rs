use super::{Refusal, animated, count_metadata, cut_off, foreign_data, is_padding};

/// Bytes before the first chunk.
const SIGNATURE: usize = 8;

/// Follows the chunks to `IEND`, behind which nothing but padding may stand.
pub(super) fn walk(bytes: &[u8]) -> Result<(), Refusal> {
    let (mut at, mut metadata) = (SIGNATURE, 0);
    loop {
        let Chunk { name, data, end } = Chunk::at(bytes, at).ok_or_else(cut_off)?;
        match name {
            b"IEND" if bytes[end..].iter().copied().all(is_padding) => return Ok(()),
            b"IEND" => return Err(foreign_data()),
            b"acTL" => return Err(animated()),
            b"IHDR" | b"PLTE" | b"IDAT" => {}
            _ => count_metadata(&mut metadata, data.len())?,
        }
        at = end;
    }
}

/// EXIF, which may stand before the pixels or behind them.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut chunk = Chunk::at(bytes, SIGNATURE)?;
    while chunk.name != b"eXIf" {
        chunk = Chunk::at(bytes, chunk.end)?;
    }
    Some(chunk.data)
}

struct Chunk<'a> {
    name: &'a [u8],
    data: &'a [u8],
    /// Behind the checksum.
    end: usize,
}

impl<'a> Chunk<'a> {
    /// `None` when it is not all there.
    fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        let (length, rest) = bytes.get(at..)?.split_first_chunk()?;
        let length = u32::from_be_bytes(*length) as usize;
        let end = at + 12 + length;
        (end <= bytes.len()).then(|| Self { name: &rest[..4], data: &rest[4..4 + length], end })
    }
}
