use super::{Refusal, animated, count_metadata, cut_off, foreign_data};

/// Bytes before the first chunk.
const SIGNATURE: usize = 8;

/// Follows the chunks to `IEND`, behind which nothing may stand.
pub(super) fn walk(bytes: &[u8]) -> Result<(), Refusal> {
    let (mut at, mut metadata) = (SIGNATURE, 0);
    loop {
        let head = bytes.get(at..at + 8).ok_or_else(cut_off)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let end = at + 12 + length;
        if end > bytes.len() {
            return Err(cut_off());
        }
        match &head[4..] {
            b"IEND" if end == bytes.len() => return Ok(()),
            b"IEND" => return Err(foreign_data()),
            b"acTL" => return Err(animated()),
            b"IHDR" | b"PLTE" | b"IDAT" => {}
            _ => count_metadata(&mut metadata, length)?,
        }
        at = end;
    }
}
