//! Colours of a photo as pages, mails and printed evidence show them: those take every picture for sRGB.
//!
//! So the copies are converted instead of carrying the profile along: not all that shows them would heed it, and it
//! is a stranger's file in a picture of ours.

use image::RgbImage;
use moxcms::{CmsError, ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Those of cameras have some 500 to 4,000 bytes. What is larger holds tables that no camera needs.
const MAX_PROFILE_BYTES: usize = 64 * 1024;

/// How far a primary colour may lie from that of sRGB to pass for it; that of Display P3 lies 0.08 off.
const SAME: f64 = 0.005;

/// Colours other than those of sRGB, such as most of an iPhone's (Display P3).
pub(super) struct Foreign(ColorProfile);

impl Foreign {
    /// `None` for sRGB, for a photo that does not say, and where the profile is of no use.
    pub(super) fn of(icc: Option<&[u8]>) -> Option<Self> {
        let icc = icc.filter(|icc| icc.len() <= MAX_PROFILE_BYTES)?;
        let profile = ColorProfile::new_from_slice(icc).ok()?;
        let usable = profile.color_space == DataColorSpace::Rgb && profile.is_matrix_shaper();
        (usable && !is_srgb(&profile)).then_some(Self(profile))
    }

    /// The picture in numbers of sRGB.
    pub(super) fn shown(&self, picture: RgbImage) -> RgbImage {
        self.converted(&picture).unwrap_or_else(|error| {
            tracing::debug!(%error, "a photo keeps its colours");
            picture
        })
    }

    fn converted(&self, picture: &RgbImage) -> Result<RgbImage, CmsError> {
        let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
        let transform = self.0.create_transform_8bit(Layout::Rgb, &srgb, Layout::Rgb, options)?;
        let mut shown = RgbImage::new(picture.width(), picture.height());
        transform.transform(picture.as_raw(), &mut shown)?;
        Ok(shown)
    }
}

fn is_srgb(profile: &ColorProfile) -> bool {
    let primaries = |profile: &ColorProfile| {
        [profile.red_colorant, profile.green_colorant, profile.blue_colorant].map(|it| [it.x, it.y, it.z])
    };
    let (these, srgb) = (primaries(profile), primaries(&ColorProfile::new_srgb()));
    these.as_flattened().iter().zip(srgb.as_flattened()).all(|(one, other)| (one - other).abs() < SAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_that_would_look_wrong_are_converted() {
        let icc = |profile: ColorProfile| profile.encode().unwrap();
        assert!(Foreign::of(Some(&icc(ColorProfile::new_display_p3()))).is_some());
        assert!(Foreign::of(Some(&icc(ColorProfile::new_adobe_rgb()))).is_some());
        assert!(Foreign::of(Some(&icc(ColorProfile::new_srgb()))).is_none());
        assert!(Foreign::of(Some(b"no profile")).is_none());
        assert!(Foreign::of(None).is_none());
    }
}
