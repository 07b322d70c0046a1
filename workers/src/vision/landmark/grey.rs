use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::vision::resize::{fit, shrink};

/// A grey picture, row by row.
pub(super) struct Grey {
    width: usize,
    height: usize,
    values: Vec<u8>,
}

impl Grey {
    /// A copy whose longer side has so many pixels, or as many as there are.
    pub(super) fn shrunk(picture: &RgbImage, long_side: u32) -> Self {
        let (width, height) = fit(picture.width(), picture.height(), long_side);
        let small = shrink(picture, width, height);
        // ITU-R BT.601 in whole numbers.
        let luma =
            |[red, green, blue]: [u8; 3]| (u32::from(red) * 77 + u32::from(green) * 150 + u32::from(blue) * 29) / 256;
        let values = small.pixels().map(|pixel| luma(pixel.0) as u8).collect();
        Self { width: width as usize, height: height as usize, values }
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.width as u32, self.height as u32)
    }

    pub(super) fn at(&self, x: usize, y: usize) -> i32 {
        i32::from(self.values[y * self.width + x])
    }

    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.values[y * self.width..(y + 1) * self.width]
    }

    pub(super) fn fifth_smaller(&self) -> Self {
        let (width, height) = ((self.width * 4 / 5).max(1), (self.height * 4 / 5).max(1));
        let source = ImageRef::new(self.width as u32, self.height as u32, &self.values, PixelType::U8)
            .expect("a grey picture holds one byte per pixel");
        let mut small = Image::new(width as u32, height as u32, PixelType::U8);
        let filter = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        Resizer::new().resize(&source, &mut small, &filter).expect("both pictures are grey and not empty");
        Self { width, height, values: small.into_vec() }
    }

    /// Without grain: every value the weighted mean (1 4 6 4 1) of its surroundings.
    pub(super) fn smoothed(&self) -> Self {
        let across = blurred(&self.values, self.width, self.height, 1);
        Self { values: blurred(&across, self.width, self.height, self.width), ..*self }
    }
}

/// Blurs along one axis, whose neighbours are `step` apart. What lies beyond the edge is left as it is.
fn blurred(values: &[u8], width: usize, height: usize, step: usize) -> Vec<u8> {
    let mut out = values.to_vec();
    let (left, top) = if step == 1 { (2, 0) } else { (0, 2) };
    if width <= 2 * left || height <= 2 * top {
        return out;
    }
    for y in top..height - top {
        let (from, to) = (y * width + left, (y + 1) * width - left);
        let row = |offset: usize| &values[from + offset - 2 * step..to + offset - 2 * step];
        let rows = row(0).iter().zip(row(step)).zip(row(2 * step)).zip(row(3 * step)).zip(row(4 * step));
        for (out, ((((a, b), c), d), e)) in out[from..to].iter_mut().zip(rows) {
            let sum = u32::from(*a) + u32::from(*e) + 4 * (u32::from(*b) + u32::from(*d)) + 6 * u32::from(*c);
            *out = ((sum + 8) / 16) as u8;
        }
    }
    out
}
