use super::{Refusal, count_metadata, cut_off, foreign_data, is_padding};

/// Scans of one picture. Cameras write 1, progressive encoders about 10; each
/// scan walks over all pixels, so a file of thousands is an attack on the processor.
const MAX_SCANS: usize = 40;

/// Pictures that may follow the first: previews and gain maps of phones.
const MAX_FOLLOWING: usize = 8;

/// What a picture starts with.
const PICTURE: [u8; 3] = [0xFF, 0xD8, 0xFF];

const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// Follows the markers to the end of the picture, and judges what comes behind.
pub(super) fn walk(bytes: &[u8]) -> Result<(), Refusal> {
    let end = picture(bytes)?;
    behind(&bytes[end..])
}

/// Bytes of coefficients that a decoder keeps until it has seen the last scan, where the first does not hold the whole
/// picture: in a progressive one, and where the colours are stored one after the other. 0 for all others.
pub(super) fn coefficients(bytes: &[u8]) -> u64 {
    let (mut at, mut frame) = (2, Frame::default());
    while let Ok((marker, body)) = next_marker(bytes, at) {
        at = if matches!(marker, 0x01 | 0xD0..=0xD7) { body } else { segment_end(bytes, body).unwrap_or(bytes.len()) };
        let segment = bytes.get(body + 2..at).unwrap_or_default();
        match marker {
            // Among the frames stand Huffman tables, an extension, and arithmetic conditioning.
            0xC4 | 0xC8 | 0xCC => {}
            0xC0..=0xCF => frame = Frame::read(marker, segment),
            START_OF_SCAN => {
                let partial = segment.first().is_some_and(|components| *components < frame.components);
                return if frame.progressive || partial { 2 * frame.samples } else { 0 };
            }
            _ => {}
        }
    }
    0
}

/// What the header of a picture says of its pixels.
#[derive(Default)]
struct Frame {
    progressive: bool,
    components: u8,
    /// Of all components: those of colour may be fewer than the pixels.
    samples: u64,
}

impl Frame {
    fn read(marker: u8, segment: &[u8]) -> Self {
        let Some((&[_, h1, h0, w1, w0, components], rest)) = segment.split_first_chunk() else {
            return Self::default();
        };
        let pixels = u64::from(u16::from_be_bytes([h1, h0])) * u64::from(u16::from_be_bytes([w1, w0]));
        let factors: Vec<_> =
            rest.chunks_exact(3).map(|one| (u64::from(one[1] >> 4), u64::from(one[1] & 15))).collect();
        let most = |factors: &mut dyn Iterator<Item = u64>| factors.max().unwrap_or_default().max(1);
        let whole = most(&mut factors.iter().map(|one| one.0)) * most(&mut factors.iter().map(|one| one.1));
        let samples = pixels * factors.iter().map(|(across, down)| across * down).sum::<u64>() / whole;
        Self { progressive: matches!(marker, 0xC2 | 0xC6 | 0xCA | 0xCE), components, samples }
    }
}

/// Walks one picture and returns where it ends.
fn picture(bytes: &[u8]) -> Result<usize, Refusal> {
    let (mut at, mut scans, mut metadata) = (2, 0, 0);
    loop {
        let (marker, body) = next_marker(bytes, at)?;
        match marker {
            END_OF_IMAGE => return Ok(body),
            // Restart and TEM markers stand alone.
            0x01 | 0xD0..=0xD7 => at = body,
            0xD8 => return Err(Refusal::damaged("The photo starts again in its middle.")),
            START_OF_SCAN => {
                scans += 1;
                if scans > MAX_SCANS {
                    return Err(Refusal::format("The photo is built from too many layers."));
                }
                at = entropy_end(bytes, segment_end(bytes, body)?)?;
            }
            _ => {
                at = segment_end(bytes, body)?;
                if matches!(marker, 0xE0..=0xEF | 0xFE) {
                    count_metadata(&mut metadata, at - body)?;
                }
            }
        }
    }
}

/// The marker at `at` and the position behind it; any number of 0xFF may pad it.
fn next_marker(bytes: &[u8], at: usize) -> Result<(u8, usize), Refusal> {
    let rest = bytes.get(at..).ok_or_else(cut_off)?;
    let padding = rest.iter().take_while(|&&byte| byte == 0xFF).count();
    let marker = *rest.get(padding).ok_or_else(cut_off)?;
    if padding == 0 || marker == 0 {
        return Err(Refusal::damaged("The photo is damaged: its parts do not follow each other."));
    }
    Ok((marker, at + padding + 1))
}

fn segment_end(bytes: &[u8], body: usize) -> Result<usize, Refusal> {
    let length = bytes.get(body..body + 2).ok_or_else(cut_off)?;
    let end = body + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
    if end > bytes.len() { Err(cut_off()) } else { Ok(end) }
}

/// The first marker behind compressed data: 0xFF 0x00 is a data byte, and
/// restart markers belong to the data.
fn entropy_end(bytes: &[u8], start: usize) -> Result<usize, Refusal> {
    let mut at = start;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == 0xFF)) {
        at += found;
        match bytes.get(at + 1) {
            Some(0x00 | 0xD0..=0xD7) => at += 2,
            Some(0xFF) => at += 1,
            Some(_) => return Ok(at),
            None => break,
        }
    }
    Err(cut_off())
}

/// Judges the bytes behind the picture.
///
/// Phones really write some: a preview or gain map (another JPEG, as in the
/// Multi-Picture Format), a short film (MP4), Samsung's trailer (ends in
/// `SEFT`), or padding. Anything else, and any ZIP directory, is a file in hiding.
fn behind(bytes: &[u8]) -> Result<(), Refusal> {
    if has_zip_directory(bytes) {
        return Err(foreign_data());
    }
    let mut rest = skip_padding(bytes);
    for _ in 0..MAX_FOLLOWING {
        if !rest.starts_with(&PICTURE) {
            break;
        }
        let end = picture(rest).map_err(|_| foreign_data())?;
        rest = skip_padding(&rest[end..]);
    }
    let known = rest.is_empty() || rest.ends_with(b"SEFT") || rest.get(4..8) == Some(b"ftyp");
    if known { Ok(()) } else { Err(foreign_data()) }
}

fn skip_padding(mut bytes: &[u8]) -> &[u8] {
    // A picture starts with 0xFF, and an MP4 with the high bytes of its first box's size, which are zero.
    while !bytes.starts_with(&PICTURE) && bytes.get(4..8) != Some(b"ftyp") {
        match bytes {
            [first, rest @ ..] if is_padding(*first) => bytes = rest,
            _ => break,
        }
    }
    bytes
}

/// Whether an archive reader, which searches from the end, would find a ZIP here.
fn has_zip_directory(bytes: &[u8]) -> bool {
    let reach = bytes.len().saturating_sub(usize::from(u16::MAX) + 22);
    bytes[reach..].windows(4).any(|four| four == b"PK\x05\x06")
}
