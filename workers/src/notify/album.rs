//! The small copies of photos, fetched and marked for one mail.

use jobs::notify::News;

use super::{
    facts::{Returned, Shot},
    picture::{self, Frame},
    side::{Pictures, frames_confirmed, frames_found},
};
use crate::Context;

/// The copies are at most 640 pixels wide; more than this is none of ours.
const LARGEST_COPY: u64 = 4 * 1024 * 1024;

/// The pictures that this news shows. A copy that is not there or cannot be read
/// is left out, and the mail says so in words.
///
/// # Errors
/// When the bucket does not answer, unless the caller is no longer `patient`.
pub(super) async fn pictures(
    context: &Context,
    news: News,
    returned: &Returned,
    patient: bool,
) -> anyhow::Result<Pictures> {
    let mut pictures = Pictures::new();
    for shot in &returned.shots {
        let frames = match news {
            News::ReturnReported => frames_found(shot.id, &returned.report.findings),
            News::DamageConfirmed | News::DamageDisputed => frames_confirmed(shot.id, &returned.items),
            _ => break,
        };
        match picture(context, shot, frames).await {
            Ok(Some(jpeg)) => drop(pictures.insert(shot.id, jpeg)),
            Ok(None) => {}
            Err(error) if patient => return Err(error),
            Err(error) => missing(shot, &error),
        }
    }
    Ok(pictures)
}

async fn picture(context: &Context, shot: &Shot, frames: Vec<Frame>) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(key) = &shot.copy else { return Ok(None) };
    let Some(copy) = context.bucket.get(key, LARGEST_COPY).await?.transpose()? else { return Ok(None) };
    let marked = tokio::task::spawn_blocking(move || picture::marked(&copy, &frames)).await?;
    Ok(marked.inspect_err(|error| missing(shot, error)).ok())
}

fn missing(shot: &Shot, error: &anyhow::Error) {
    tracing::warn!(photo = %shot.id, error = %format!("{error:#}"), "a mail goes without this picture");
}
