//! Small drawn photos for the returns.

use std::sync::Arc;

use anyhow::Result;
use dev::picture::{Scene, Side};

use crate::client::Photos;

const SLOTS: [(&str, Side); 4] =
    [("front", Side::Front), ("back", Side::Back), ("left", Side::Left), ("right", Side::Right)];

/// So many sets of four photos, no two the same: a photo that was used before is refused.
///
/// # Errors
/// Never in practice: drawing does not fail.
pub async fn rounds(count: u64) -> Result<Vec<Photos>> {
    let draw = move |round: u64| {
        let one = |(slot, side)| (slot, Scene { width: 1_024, ..Scene::new(side, round) }.jpeg());
        Arc::new(SLOTS.map(one).to_vec())
    };
    Ok(tokio::task::spawn_blocking(move || (0..count).map(draw).collect()).await?)
}

/// The same pictures in other bytes, by a comment behind the first marker: each scenario needs its own.
#[must_use]
pub fn renewed(photos: &Photos, by: u64) -> Photos {
    let comment = format!("fault {by:016x}");
    let length = u16::try_from(comment.len() + 2).unwrap_or_default().to_be_bytes();
    let renew = |jpeg: &[u8]| [&[0xFF, 0xD8, 0xFF, 0xFE], &length[..], comment.as_bytes(), &jpeg[2..]].concat();
    Arc::new(photos.iter().map(|(slot, jpeg)| (*slot, renew(jpeg))).collect())
}
