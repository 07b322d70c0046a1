//! The four sides, before and after, with numbered boxes.

use entity::photo;
use rules::rental::{Occasion, Slot};
use serde::Serialize;
use view::rental::{Finding, Report};

use super::{maybe_new, spaced, title};
use crate::review::sheet::Sheet;

#[derive(Serialize)]
pub(super) struct SidePair {
    slot: &'static str,
    name: String,
    /// How many marks on it may be new, in words.
    flagged: Option<String>,
    photos: [Picture; 2],
}

#[derive(Serialize)]
struct Picture {
    address: Option<String>,
    full: Option<String>,
    width: i32,
    height: i32,
    alt: String,
    caption: String,
    absent: &'static str,
    boxes: Vec<Mark>,
}

/// A numbered box in the pixels of the large copy.
#[derive(Serialize)]
struct Mark {
    number: i32,
    novelty: String,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    tag_x: f64,
    tag_y: f64,
    tag_scale: f64,
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
    let Some(photo) = photo else {
        let absent = "There is no photo.";
        return Picture {
            address: None,
            full: None,
            width: 0,
            height: 0,
            alt: String::new(),
            caption: caption.to_owned(),
            absent,
            boxes: Vec::new(),
        };
    };
    let copy = sheet.copies.get(&photo.id);
    let (width, height) = copy.map_or((0, 0), |copy| (copy.width, copy.height));
    let findings = report.findings.iter().filter(|finding| finding.photo_id == photo.id);
    let flags: String = photo.warnings.iter().map(|warning| format!(", {}", spaced(warning))).collect();
    Picture {
        address: copy.map(|_| format!("/review/{token}/photo/{}/1600", photo.id)),
        full: Some(format!("/review/{token}/photo/{}/original", photo.id)),
        width,
        height,
        alt: alt(caption, slot, findings.clone()),
        caption: format!("{caption}{flags}"),
        absent: "The large copy is not made yet; open the full picture.",
        boxes: findings.map(|finding| mark(finding, f64::from(width), f64::from(height))).collect(),
    }
}

/// The picture in words, for those who do not see it.
fn alt<'a>(caption: &str, slot: Slot, findings: impl Iterator<Item = &'a Finding>) -> String {
    let marks =
        findings.map(|finding| format!("{} {}, score {:.2}", finding.number, spaced(&finding.class), finding.score));
    let marks: Vec<_> = marks.collect();
    let marks = if marks.is_empty() { "nothing marked".to_owned() } else { format!("marked: {}", marks.join("; ")) };
    format!("{caption}, {slot}: {marks}")
}

/// Of the picture's width: how large a number stands beside its box.
const TAG: f64 = 0.0022;

fn mark(finding: &Finding, width: f64, height: f64) -> Mark {
    let whole = |length: f64| length.round();
    let (x, y) = (whole(finding.region.x * width), whole(finding.region.y * height));
    let radius = 15.0 * TAG * width;
    Mark {
        number: finding.number,
        novelty: finding.novelty.clone(),
        x,
        y,
        width: whole(finding.region.width * width),
        height: whole(finding.region.height * height),
        // Above the corner, but never outside of the picture.
        tag_x: x.clamp(radius, (width - radius).max(radius)),
        tag_y: (y - radius).clamp(radius, (height - radius).max(radius)),
        tag_scale: TAG * width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_inside_its_picture() {
        let finding = |x, y| Finding {
            number: 1,
            photo_id: uuid::Uuid::nil(),
            side: Slot::Left.into(),
            class: "dent".to_owned(),
            score: 0.5,
            region: view::rental::Region { x, y, width: 0.1, height: 0.1 },
            novelty: "new".to_owned(),
            reason: String::new(),
            basis: "overlay".to_owned(),
            pickup_region: None,
            suggested_severity: Some("minor".to_owned()),
            suggested_estimate: None,
        };
        for (x, y) in [(0.0, 0.0), (0.99, 0.99), (0.5, 0.5)] {
            let mark = mark(&finding(x, y), 1600.0, 1200.0);
            let radius = 14.0 * mark.tag_scale;
            assert!(mark.tag_x >= radius && mark.tag_x <= 1600.0 - radius);
            assert!(mark.tag_y >= radius && mark.tag_y <= 1200.0 - radius);
        }
    }
}
