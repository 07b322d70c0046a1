//! What libjpeg-turbo complains of. Of several complaints it tells the first.

use turbojpeg::Error;

/// Whether a part of the picture is missing or corrupt. What merely breaks a rule, and colours that it does not know,
/// are no loss.
pub(super) fn tells_of_loss(error: &Error, file: &[u8]) -> bool {
    let Error::TurboJpegError(words) = error else { return false };
    let Some(corrupt) = words.strip_prefix("Corrupt JPEG data: ") else {
        return words.starts_with("Premature end of JPEG file");
    };
    match extraneous(corrupt) {
        Some((count, marker)) => !is_padded(file, count, marker),
        None => corrupt != "bad ICC marker",
    }
}

/// How many bytes were left over before which marker: `7 extraneous bytes before marker 0xd9`.
fn extraneous(words: &str) -> Option<(usize, u8)> {
    let (count, marker) = words.split_once(" extraneous bytes before marker 0x")?;
    Some((count.parse().ok()?, u8::from_str_radix(marker, 16).ok()?))
}

/// Cameras fill up with bytes of one value. Left over from a picture whose middle is corrupt are bytes that differ.
fn is_padded(file: &[u8], count: usize, marker: u8) -> bool {
    let mut markers = file.windows(2).enumerate().filter(|(_, two)| *two == [0xFF, marker]);
    markers.any(|(at, _)| {
        // Any number of 0xFF belongs to the marker.
        let end = file[..at].iter().rposition(|byte| *byte != 0xFF).map_or(0, |last| last + 1);
        let left = end.checked_sub(count).map(|begin| &file[begin..end]);
        left.is_some_and(|left| left.iter().all(|byte| *byte == left[0]))
    })
}
