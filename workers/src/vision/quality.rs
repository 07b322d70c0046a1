//! How well one can see anything on a photo.

use image::RgbImage;
use rules::photo::Quality;

use super::resize::{fit, shrink};

/// Pixels of the longer side on which quality is measured, so that the figures
/// do not depend on the camera's resolution.
const LONG_SIDE: u32 = 640;

/// Measures the light and the sharpness of an upright picture.
///
/// On 60 photos of cars, sharpness is 52 to 750 as taken and 1 to 3 when blurred by
/// 4 of the 640 pixels.
pub(super) fn measure(picture: &RgbImage) -> Quality {
    let (width, height) = fit(picture.width(), picture.height(), LONG_SIDE);
    let small = shrink(picture, width, height);
    let luma: Vec<f64> = small.pixels().map(|pixel| luma(pixel.0)).collect();
    Quality { brightness: mean(&luma), sharpness: laplacian_variance(&luma, width as usize) }
}

/// ITU-R BT.601.
fn luma([red, green, blue]: [u8; 3]) -> f64 {
    0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn laplacian_variance(luma: &[f64], width: usize) -> f64 {
    let height = luma.len() / width.max(1);
    let inner = |size: usize| 1..size.saturating_sub(1);
    let edges: Vec<f64> = inner(height)
        .flat_map(|y| inner(width).map(move |x| y * width + x))
        .map(|at| luma[at - width] + luma[at + width] + luma[at - 1] + luma[at + 1] - 4.0 * luma[at])
        .collect();
    let mean = mean(&edges);
    edges.iter().map(|edge| (edge - mean).powi(2)).sum::<f64>() / edges.len().max(1) as f64
}
