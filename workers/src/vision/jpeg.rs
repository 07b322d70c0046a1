//! JPEG by libjpeg-turbo, which shrinks while it decodes: 12 megapixels take 61 ms at full size, 29 at half
//! and 24 at a quarter (one core of an AMD EPYC). `image` knows full size only, in the same time; jpeg-decoder
//! took 47 and 38 ms for the fractions.
//!
//! The gate reads with it too, as soon as `image` has read the header and the limits allow the size: `image` fills up
//! with grey what is missing or corrupt, and says nothing. Whoever calls this falls back to `image` where there are
//! doubts (anything else that libjpeg-turbo warns of, another size, colours that it cannot read), so no photo that was
//! let in is refused later.

mod complaint;

use std::borrow::Cow;

use image::RgbImage;
use rules::photo::PhotoRefused;
use turbojpeg::{
    Colorspace, Compressor, DecompressHeader, Decompressor, Image, PixelFormat, ScalingFactor, Subsamp, YuvImage,
    yuv_pixels_len,
};

/// The fractions that libjpeg-turbo has fast code for: 3/8 took 37 ms, 5/8 as long as full size.
const SCALES: [ScalingFactor; 3] = [ScalingFactor::ONE_EIGHTH, ScalingFactor::ONE_QUARTER, ScalingFactor::ONE_HALF];

/// Luma, blue and red difference as JFIF has them, 8-bit, one behind the other. The last two may be smaller than the
/// first by a whole factor, rounded up.
pub(super) struct Planes {
    pub(super) values: Vec<u8>,
    /// Width and height.
    pub(super) luma: (u32, u32),
    /// Of each of the other two.
    pub(super) chroma: (u32, u32),
}

impl Planes {
    /// Each with its width and height.
    pub(super) fn each(&self) -> [(&[u8], (u32, u32)); 3] {
        let (luma, chroma) = self.values.split_at(area(self.luma));
        let (blue, red) = chroma.split_at(area(self.chroma));
        [(luma, self.luma), (blue, self.chroma), (red, self.chroma)]
    }
}

/// The number of pixels.
pub(super) fn area((width, height): (u32, u32)) -> usize {
    width as usize * height as usize
}

/// The picture as it is stored, not turned, at the smallest fraction whose longer side has at least `long_side`
/// pixels. `size` is its own, as `image` reads it. `None`: no fraction is large enough, or there are doubts.
pub(super) fn pixels(bytes: &[u8], size: (u32, u32), long_side: u32) -> Option<RgbImage> {
    let (mut decoder, header) = reader(bytes, size, long_side)?;
    if decoder.scaling_factor() == ScalingFactor::ONE {
        return None;
    }
    colours(&mut decoder, &header, bytes).map_err(doubt).ok()
}

/// The same at full size, for whoever decides whether it is whole. `None`: there are doubts.
///
/// # Errors
/// A part of the picture is missing or corrupt.
pub(super) fn whole(bytes: &[u8], size: (u32, u32)) -> Result<Option<RgbImage>, PhotoRefused> {
    let Some((mut decoder, header)) = reader(bytes, size, u32::MAX) else { return Ok(None) };
    match colours(&mut decoder, &header, bytes) {
        Err(error) if complaint::tells_of_loss(&error, bytes) => Err(PhotoRefused::Damaged),
        decoded => Ok(decoded.map_err(doubt).ok()),
    }
}

fn colours(decoder: &mut Decompressor, header: &DecompressHeader, bytes: &[u8]) -> turbojpeg::Result<RgbImage> {
    let DecompressHeader { width, height, .. } = *header;
    let pixels = vec![0; 3 * width * height];
    let mut image = Image { pixels, width, pitch: 3 * width, height, format: PixelFormat::RGB };
    decoder.decompress(bytes, image.as_deref_mut())?;
    let picture = RgbImage::from_raw(width as u32, height as u32, image.pixels);
    Ok(picture.expect("the buffer was made for this size"))
}

/// The same as planes, also at full size. `None`: there are doubts.
pub(super) fn planes(bytes: &[u8], size: (u32, u32), long_side: u32) -> Option<Planes> {
    let (mut decoder, header) = reader(bytes, size, long_side)?;
    let DecompressHeader { width, height, subsamp, .. } = header;
    if header.colorspace != Colorspace::YCbCr {
        return None;
    }
    let pixels = vec![0; yuv_pixels_len(width, 1, height, subsamp).ok()?];
    let mut image = YuvImage { pixels, width, align: 1, height, subsamp };
    decoder.decompress_to_yuv(bytes, image.as_deref_mut()).map_err(doubt).ok()?;

    let chroma = (width.div_ceil(subsamp.width()), height.div_ceil(subsamp.height()));
    // Luma is filled up to whole pixels of chroma.
    let filled = (chroma.0 * subsamp.width(), chroma.1 * subsamp.height());
    let mut values = image.pixels;
    if values.len() != filled.0 * filled.1 + 2 * chroma.0 * chroma.1 {
        return None;
    }
    if filled != (width, height) {
        let (luma, rest) = values.split_at(filled.0 * filled.1);
        let mut fitted = Vec::with_capacity(width * height + rest.len());
        lay(&mut fitted, luma, filled.0, (width, height));
        fitted.extend_from_slice(rest);
        values = fitted;
    }
    let pixels = |(width, height)| Some((u32::try_from(width).ok()?, u32::try_from(height).ok()?));
    Some(Planes { values, luma: pixels((width, height))?, chroma: pixels(chroma)? })
}

/// A JPEG of planes of which the last two have half the width and height, rounded up: nothing but the
/// picture, no EXIF.
pub(super) fn encode(planes: &Planes, quality: i32) -> Vec<u8> {
    let (width, height) = (planes.luma.0 as usize, planes.luma.1 as usize);
    let whole = (width.next_multiple_of(2), height.next_multiple_of(2));
    let mut pixels = Cow::from(&planes.values);
    if whole != (width, height) {
        let (luma, chroma) = planes.values.split_at(width * height);
        let mut filled = Vec::with_capacity(whole.0 * whole.1 + chroma.len());
        lay(&mut filled, luma, width, whole);
        filled.extend_from_slice(chroma);
        pixels = filled.into();
    }
    let image = YuvImage { pixels: &*pixels, width, align: 1, height, subsamp: Subsamp::Sub2x2 };
    let encode = || {
        let mut encoder = Compressor::new()?;
        encoder.set_quality(quality)?;
        encoder.compress_yuv_to_vec(image)
    };
    encode().expect("writing a non-empty picture to memory cannot fail")
}

/// A decoder set to the smallest scale that is large enough, and the header at that scale.
fn reader(bytes: &[u8], (width, height): (u32, u32), long_side: u32) -> Option<(Decompressor, DecompressHeader)> {
    let mut decoder = Decompressor::new().map_err(doubt).ok()?;
    let header = decoder.read_header(bytes).map_err(doubt).ok()?;
    // What is allocated was allowed for the size that `image` reads.
    if (header.width, header.height) != (width as usize, height as usize) {
        return None;
    }
    let enough = |scale: &ScalingFactor| scale.scale(header.width.max(header.height)) >= long_side as usize;
    let scale = SCALES.into_iter().find(enough).filter(|_| !header.is_lossless).unwrap_or(ScalingFactor::ONE);
    decoder.set_scaling_factor(scale).map_err(doubt).ok()?;
    Some((decoder, header.scaled(scale)))
}

fn doubt(error: turbojpeg::Error) {
    tracing::debug!(%error, "a JPEG is left to the other decoder");
}

/// Lays a plane behind what is there, with lines and columns cut off, or its last ones repeated, such that it has the size.
fn lay(pixels: &mut Vec<u8>, plane: &[u8], line: usize, (width, height): (usize, usize)) {
    let begin = pixels.len();
    let lines = plane.chunks_exact(line);
    let last = lines.clone().last();
    for (row, values) in lines.chain(last.into_iter().cycle()).take(height).enumerate() {
        pixels.extend_from_slice(&values[..line.min(width)]);
        pixels.resize(begin + (row + 1) * width, values[line - 1]);
    }
}

#[cfg(test)]
mod tests;
