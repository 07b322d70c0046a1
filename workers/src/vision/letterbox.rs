//! A part of a picture, scaled into the model's input, and boxes scaled back.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use rules::damage::Region;

use super::card::Input;
use super::tile::View;

/// The number of this way from a picture to boxes. Raise it when the same pixels would give another input, or the same
/// answers other boxes: stored findings name it.
///
/// 1: bilinear with antialiasing, 8-bit, top left corner. 2: the same, of a JPEG that was decoded at
/// an eighth, a quarter or a half of its size where that has the pixels that the model can make use of. 3: the same, and
/// tiles that overlap by more than they report do not report what lies at their edges.
pub const TRANSFORM: u32 = 3;

/// A rectangle in pixels of the model's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corners {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

/// How one view lies in the model's input: in its top left corner, as large as fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    view: View,
    width: u32,
    height: u32,
}

impl Letterbox {
    /// Fits a view into an input of the given size. Small views are enlarged.
    pub fn fit(view: View, input_width: u32, input_height: u32) -> Self {
        let across = f64::from(input_width) / f64::from(view.width);
        let down = f64::from(input_height) / f64::from(view.height);
        let scale = across.min(down);
        let side = |pixels: u32, most: u32| ((f64::from(pixels) * scale).round() as u32).clamp(1, most);
        Self { view, width: side(view.width, input_width), height: side(view.height, input_height) }
    }

    /// The model's input, `3×height×width` values: the view's pixels as the card wants them.
    pub fn tensor(&self, picture: &RgbImage, input: &Input) -> Vec<f32> {
        let pixels = self.scaled(picture);
        let plane = (input.width * input.height) as usize;
        let mut tensor = Vec::with_capacity(3 * plane);
        for channel in 0..3 {
            let value = |byte: u8| (f32::from(byte) / 255.0 - input.mean[channel]) / input.std[channel];
            let table: [f32; 256] = std::array::from_fn(|byte| value(byte as u8));
            let start = tensor.len();
            tensor.resize(start + plane, table[usize::from(input.fill)]);
            let rows = tensor[start..].chunks_exact_mut(input.width as usize);
            for (row, line) in rows.zip(pixels.chunks_exact(3 * self.width as usize)) {
                for (cell, pixel) in row.iter_mut().zip(line.chunks_exact(3)) {
                    *cell = table[usize::from(pixel[channel])];
                }
            }
        }
        tensor
    }

    /// Where a box of the input lies on the picture, cut off at the view's edge.
    /// `None` when nothing of it lies on the view.
    pub fn region(&self, corners: Corners, picture: (u32, u32)) -> Option<Region> {
        let (x, width) = span(corners.left, corners.right, self.width, self.view.left, self.view.width, picture.0)?;
        let (y, height) = span(corners.top, corners.bottom, self.height, self.view.top, self.view.height, picture.1)?;
        Region::new(x, y, width, height).ok()
    }

    fn scaled(&self, picture: &RgbImage) -> Vec<u8> {
        let View { left, top, width, height } = self.view;
        let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)
            .expect("an RGB image holds three bytes per pixel");
        let mut scaled = Image::new(self.width, self.height, PixelType::U8x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(
            left.into(),
            top.into(),
            width.into(),
            height.into(),
        );
        Resizer::new().resize(&source, &mut scaled, &options).expect("a view lies within its picture");
        scaled.into_vec()
    }
}

/// One axis: input pixels → share of the view → share of the picture, as (start, length).
fn span(from: f32, to: f32, scaled: u32, start: u32, length: u32, whole: u32) -> Option<(f64, f64)> {
    let share = |at: f32| {
        let on_view = (f64::from(at) / f64::from(scaled)).clamp(0.0, 1.0);
        (f64::from(start) + on_view * f64::from(length)) / f64::from(whole)
    };
    let (from, to) = (share(from), share(to));
    (to > from).then_some((from, to - from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> Input {
        Input { name: "images".into(), width: 64, height: 64, mean: [0.0; 3], std: [1.0; 3], fill: 114 }
    }

    #[test]
    fn a_box_comes_back_to_where_it_was() {
        let view = View { left: 1000, top: 500, width: 2000, height: 1500 };
        let letterbox = Letterbox::fit(view, 416, 416);
        // The view's middle half: 25 % to 75 % of 416×312 scaled pixels.
        let corners = Corners { left: 104.0, top: 78.0, right: 312.0, bottom: 234.0 };
        let region = letterbox.region(corners, (4000, 3000)).unwrap();
        let expected = Region::new(1500.0 / 4000.0, 875.0 / 3000.0, 0.25, 0.25).unwrap();
        assert!(region.iou(&expected) > 0.9999, "{region:?}");
    }

    #[test]
    fn a_box_in_the_filling_lies_nowhere() {
        let letterbox = Letterbox::fit(View { left: 0, top: 0, width: 400, height: 100 }, 64, 64);
        let below = Corners { left: 0.0, top: 20.0, right: 64.0, bottom: 60.0 };
        assert_eq!(letterbox.region(below, (400, 100)), None);
    }

    #[test]
    fn the_picture_fills_the_top_left_and_grey_the_rest() {
        let picture = RgbImage::from_pixel(200, 100, image::Rgb([255, 0, 51]));
        let view = View { left: 0, top: 0, width: 200, height: 100 };
        let tensor = Letterbox::fit(view, 64, 64).tensor(&picture, &input());
        let at = |channel: usize, x: usize, y: usize| tensor[channel * 64 * 64 + y * 64 + x];
        assert_eq!([at(0, 63, 31), at(1, 63, 31), at(2, 63, 31)], [1.0, 0.0, 0.2]);
        assert_eq!(at(0, 0, 32), 114.0 / 255.0);
    }

    #[test]
    fn values_are_normalised_as_the_card_says() {
        let picture = RgbImage::from_pixel(64, 64, image::Rgb([255, 255, 255]));
        let view = View { left: 0, top: 0, width: 64, height: 64 };
        let input = Input { mean: [0.5; 3], std: [0.25; 3], ..input() };
        assert_eq!(Letterbox::fit(view, 64, 64).tensor(&picture, &input)[0], 2.0);
    }
}
