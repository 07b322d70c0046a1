use super::{Refusal, animated, count_metadata, cut_off, foreign_data, is_padding};

/// Follows the RIFF chunks; their sizes must add up to the file's, padding apart.
pub(super) fn walk(bytes: &[u8]) -> Result<(), Refusal> {
    let end = length(bytes, 4)? + 8;
    let behind = bytes.get(end..).ok_or_else(cut_off)?;
    if !behind.iter().copied().all(is_padding) {
        return Err(foreign_data());
    }
    let (mut at, mut metadata) = (12, 0);
    while at < end {
        let name = bytes.get(at..at + 4).ok_or_else(cut_off)?;
        let size = length(bytes, at + 4)?;
        match name {
            b"ANIM" | b"ANMF" => return Err(animated()),
            b"VP8 " | b"VP8L" | b"VP8X" | b"ALPH" => {}
            _ => count_metadata(&mut metadata, size)?,
        }
        at += 8 + size + size % 2;
    }
    // The last chunk's padding byte may be left out.
    if at > end + 1 { Err(cut_off()) } else { Ok(()) }
}

fn length(bytes: &[u8], at: usize) -> Result<usize, Refusal> {
    let four = bytes.get(at..at + 4).ok_or_else(cut_off)?;
    Ok(u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize)
}
