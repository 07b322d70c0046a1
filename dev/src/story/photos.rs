use std::path::PathBuf;

use anyhow::{Context, Result};
use rand::RngExt;

use crate::picture::{BLUE, Mark, Scene, Side, Wound};

/// The four sides of a car, in the order of the slots.
pub(super) const SLOTS: [(&str, Side); 4] =
    [("front", Side::Front), ("back", Side::Back), ("left", Side::Left), ("right", Side::Right)];

/// Where the story's photos come from.
pub enum Photos {
    /// Drawn here: undamaged at pick-up, scratched on the left at the return.
    Drawn,
    /// `front.jpg`, `back.jpg`, `left.jpg` and `right.jpg` of a folder.
    Folder(PathBuf),
}

impl Photos {
    /// Whether there are four, before anything is started for them.
    ///
    /// # Errors
    /// Names the one that cannot be read, or is no JPEG.
    pub fn look(&self) -> Result<()> {
        match self {
            Self::Drawn => Ok(()),
            Self::Folder(_) => self.take(false).map(drop),
        }
    }

    /// Four photos of one occasion, by slot. They are never the same bytes twice,
    /// because a picture that was used before is refused.
    pub(super) fn take(&self, damaged: bool) -> Result<Vec<(&'static str, Vec<u8>)>> {
        SLOTS.into_iter().map(|(slot, side)| Ok((slot, self.one(slot, side, damaged)?))).collect()
    }

    fn one(&self, slot: &str, side: Side, damaged: bool) -> Result<Vec<u8>> {
        let seed = rand::rng().random();
        match self {
            Self::Drawn => Ok(drawn(side, seed, damaged)),
            Self::Folder(folder) => {
                let path = folder.join(format!("{slot}.jpg"));
                let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                with_comment(&bytes, seed).with_context(|| format!("{} is no JPEG", path.display()))
            }
        }
    }
}

fn drawn(side: Side, seed: u64, damaged: bool) -> Vec<u8> {
    let scene = Scene { colour: BLUE, plate: "B FC 2027".to_owned(), ..Scene::new(side, seed) };
    let scratch = Mark { wound: Wound::Scratch, x: 0.42, y: 0.52, w: 0.16, h: 0.1 };
    let marked = damaged && side == Side::Left;
    if marked { scene.with(scratch).jpeg() } else { scene.jpeg() }
}

/// The same picture with a comment segment behind its first marker: other bytes, same pixels.
fn with_comment(jpeg: &[u8], seed: u64) -> Option<Vec<u8>> {
    let rest = jpeg.strip_prefix(&[0xFF, 0xD8])?;
    let comment = format!("demo {seed:016x}");
    let length = u16::try_from(comment.len() + 2).ok()?;
    Some([&[0xFF, 0xD8, 0xFF, 0xFE][..], &length.to_be_bytes(), comment.as_bytes(), rest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_that_is_not_there_is_named() {
        let words = Photos::Folder(PathBuf::from("/nowhere")).look().expect_err("there is none");
        assert!(words.to_string().contains("/nowhere/front.jpg"), "{words}");
        Photos::Drawn.look().expect("they are drawn when they are needed");
    }
}
