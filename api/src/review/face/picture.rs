//! The four sides, before and after, with numbered boxes.

use entity::photo;
use rules::rental::{Occasion, Slot};
use serde::Serialize;
use view::rental::{Finding, Report};

use super::{class_name, maybe_new, spaced, title};
use crate::{
    picture::{Boxed, Picture, Words},
    review::sheet::Sheet,
};

#[derive(Serialize)]
pub(super) struct SidePair {
    slot: &'static str,
    name: String,
    /// How many marks on it may be new, in words.
    flagged: Option<String>,
    photos: [Picture; 2],
}

pub(super) fn side(sheet: &Sheet, report: &Report, slot: Slot, token: &str) -> SidePair {
    let picture = |occasion: Occasion| {
        let photo = sheet.photos.iter().find(|photo| photo.slot.0 == slot && photo.occasion.0 == occasion);
        picture(sheet, report, occasion, slot, photo, token)
    };
    let flagged = match maybe_new(report).filter(|finding| finding.side.0 == slot).count() {
        0 => None,
        1 => Some("1 possible new mark".to_owned()),
        marks => Some(format!("{marks} possible new marks")),
    };
    SidePair {
        flagged,
        slot: slot.as_str(),
        name: title(slot.as_str()),
        photos: [picture(Occasion::Pickup), picture(Occasion::Return)],
    }
}

fn picture(
    sheet: &Sheet,
    report: &Report,
    occasion: Occasion,
    slot: Slot,
    photo: Option<&photo::Model>,
    token: &str,
) -> Picture {
    let caption = match occasion {
        Occasion::Pickup => "At pick-up",
        Occasion::Return => "At return",
    };
    let Some(photo) = photo else { return Picture::none(caption) };
    let flags: String = photo.warnings.iter().map(|warning| format!(", {}", spaced(warning))).collect();
    let boxed: Vec<_> = report.findings.iter().filter_map(|finding| boxed(finding, occasion, slot, photo)).collect();
    // Whoever does not see the photo must not take for clean what no model looked at.
    let unseen = occasion == Occasion::Return && photo.analysis.is_none();
    let bare = if unseen { "not analysed" } else { "nothing marked" };
    let words = Words { caption: format!("{caption}{flags}"), shows: format!("{caption}, {slot}"), bare };
    Picture::of(photo, sheet.copies.get(&photo.id), &format!("/review/{token}"), words, &boxed)
}

/// Where a finding is on this photo; on the older one, the place where it would have been.
fn boxed<'a>(finding: &'a Finding, occasion: Occasion, slot: Slot, photo: &photo::Model) -> Option<Boxed<'a>> {
    let class = class_name(&finding.class);
    let (region, what) = match occasion {
        Occasion::Return if finding.photo_id == photo.id => {
            (&finding.region, format!("{class}, score {:.2}", finding.score))
        }
        Occasion::Pickup if finding.side.0 == slot => (finding.pickup_region.as_ref()?, format!("place of {class}")),
        _ => return None,
    };
    Some(Boxed { number: finding.number, novelty: &finding.novelty, what, region: region.clone() })
}
