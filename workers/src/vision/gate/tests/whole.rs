//! A photo of which a part is missing is no evidence, even where a decoder would fill up the rest.

use super::*;

/// A photo in layers: the drawn ones are not.
fn layered() -> Vec<u8> {
    let picture = decode::upright(&photo()).unwrap();
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 88);
    encoder.set_progressive(true);
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    encoder.encode(&picture, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

#[test]
fn a_part_of_a_photo_with_an_end_put_behind_it_is_refused() {
    for whole in [photo(), layered()] {
        assert!(inspect(&whole, None).is_ok());
        for length in [whole.len() / 20, whole.len() / 2, whole.len() - 200] {
            let part = joined(&[&whole[..length], &[0xFF, 0xD9]]);
            let refusal = inspect(&part, Some("image/jpeg")).unwrap_err();
            assert_eq!(refusal.code(), "photo_damaged", "{length} of {} bytes", whole.len());
            assert!(refusal.words.contains("cannot be read to its end"), "{refusal}");
        }
    }
}

#[test]
fn a_photo_with_corrupt_bytes_in_its_middle_is_refused() {
    let mut bytes = photo();
    let scan = bytes.windows(2).position(|two| two == [0xFF, 0xDA]).unwrap() + 14;
    let apart = (bytes.len() - scan) / 31;
    for at in (1..=30).map(|place| scan + place * apart) {
        // No marker is made or unmade.
        if bytes[at - 1] != 0xFF && !matches!(bytes[at], 0xFF | 0xC3) {
            bytes[at] ^= 0x3C;
        }
    }
    assert_eq!(refused(&bytes, "image/jpeg"), "photo_damaged");
}

#[test]
fn what_cameras_fill_a_photo_up_with_is_let_in() {
    let bytes = photo();
    let (picture, end) = bytes.split_at(bytes.len() - 2);
    for filling in [&[0; 7][..], &[0; 1_000], &[0xFF; 5], &[0x20; 3], &[1]] {
        assert!(inspect(&joined(&[picture, filling, end]), None).is_ok(), "{filling:?}");
    }
}
