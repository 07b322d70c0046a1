use super::PhotoRefused;

words! {
    /// The formats we decode.
    pub enum Format {
        Jpeg = "image/jpeg",
        Png = "image/png",
        Webp = "image/webp",
    }
}

impl Format {
    /// Second gate: what the first 12 bytes say. Names and declared types are
    /// not asked; a PNG that calls itself .jpg is a PNG.
    pub fn sniff(head: &[u8]) -> Result<Self, PhotoRefused> {
        match head {
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Self::Webp),
            [] => Err(PhotoRefused::Empty),
            _ => Err(PhotoRefused::Format),
        }
    }

    /// For the key in the bucket, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_tell_the_format() {
        assert_eq!(Format::sniff(b"\xff\xd8\xff\xe0\0\x10JFIF"), Ok(Format::Jpeg));
        assert_eq!(Format::sniff(b"\x89PNG\r\n\x1a\n\0\0\0\r"), Ok(Format::Png));
        assert_eq!(Format::sniff(b"RIFF\x24\0\0\0WEBPVP8 "), Ok(Format::Webp));
    }

    #[test]
    fn drawings_films_and_phone_formats_are_refused() {
        for head in [&b"<svg xmlns="[..], b"GIF89a", b"\0\0\0\x18ftypheic", b"RIFF\x24\0\0\0WAVE", b"%PDF-1.7"] {
            assert_eq!(Format::sniff(head), Err(PhotoRefused::Format));
        }
        assert_eq!(Format::sniff(b""), Err(PhotoRefused::Empty));
    }
}
