//! The four sides of a car, before and after, as rows of a mail.

use std::collections::HashMap;

use rules::rental::{Occasion, Slot};
use serde::Serialize;
use uuid::Uuid;
use view::rental::Finding;

use super::{
    facts::{Item, Returned, Shot},
    picture::{Colour, Frame},
    word::{capital, list, marks},
};
use crate::mailer::Inline;

/// The pictures that could be had, by photo.
pub(crate) type Pictures = HashMap<Uuid, Vec<u8>>;

/// One side: the photo of the pick-up, then that of the return.
#[derive(Debug, Serialize)]
pub(super) struct Side {
    name: String,
    photos: Vec<Cell>,
    /// What was seen on it, for those who see no pictures.
    words: String,
}

#[derive(Debug, Serialize)]
struct Cell {
    caption: &'static str,
    /// The picture in this mail; none when there is none to show.
    cid: Option<String>,
    /// The picture in words, or what is to be said instead of one.
    words: String,
}

/// Every side, for the admin.
pub(super) fn all(returned: &Returned, pictures: &Pictures, domain: &str) -> Vec<Side> {
    Slot::ALL.iter().map(|slot| row(*slot, returned, pictures, domain, &seen(*slot, returned))).collect()
}

/// The sides on which a person confirmed damage, for the customer.
pub(super) fn damaged(returned: &Returned, pictures: &Pictures, domain: &str) -> Vec<Side> {
    let confirmed = |slot: &&Slot| returned.items.iter().any(|item| item.side == slot.as_str());
    let row = |slot: &Slot| row(*slot, returned, pictures, domain, &items(*slot, &returned.items));
    Slot::ALL.iter().filter(confirmed).map(row).collect()
}

/// The parts of the mail that its rows show.
pub(super) fn inline(sides: &[Side], returned: &Returned, pictures: &Pictures, domain: &str) -> Vec<Inline> {
    let shown = |cid: &String| sides.iter().flat_map(|side| &side.photos).any(|cell| cell.cid.as_ref() == Some(cid));
    let inline = |shot: &Shot| {
        let (cid, jpeg) = (cid(shot, domain), pictures.get(&shot.id)?.clone());
        let file_name = format!("{}-{}.jpg", shot.slot, shot.occasion);
        shown(&cid).then_some(Inline { cid, file_name, jpeg })
    };
    returned.shots.iter().filter_map(inline).collect()
}

/// The boxes of one photo in the report.
pub(super) fn frames_found(photo: Uuid, findings: &[Finding]) -> Vec<Frame> {
    let here = findings.iter().filter(|finding| finding.photo_id == photo);
    here.map(|finding| Frame {
        number: usize::try_from(finding.number).unwrap_or_default(),
        region: finding.region.clone(),
        colour: Colour::of(&finding.novelty),
    })
    .collect()
}

/// The boxes of one photo in what a person confirmed.
pub(super) fn frames_confirmed(photo: Uuid, items: &[Item]) -> Vec<Frame> {
    let frame = |item: &Item| Some(Frame { number: item.number, region: item.region.clone()?, colour: Colour::Red });
    items.iter().filter(|item| item.photo_id == Some(photo)).filter_map(frame).collect()
}

fn row(slot: Slot, returned: &Returned, pictures: &Pictures, domain: &str, seen: &str) -> Side {
    let cell = |occasion, caption: &'static str, words: &str| {
        let shot = returned.shot(occasion, slot);
        let shown = shot.filter(|shot| pictures.contains_key(&shot.id)).map(|shot| cid(shot, domain));
        let end = caption.to_lowercase();
        let words = match (&shown, shot) {
            (Some(_), _) => format!("{slot}, {words}"),
            (None, Some(_)) => {
                format!("The {end} photo of this side is kept, but its small copy cannot be shown here.")
            }
            (None, None) => format!("There is no {end} photo of this side."),
        };
        Cell { caption, cid: shown, words }
    };
    Side {
        name: capital(slot.as_str()),
        photos: vec![
            cell(Occasion::Pickup, "Pick-up", "pick-up"),
            cell(Occasion::Return, "Return", &format!("return: {seen}")),
        ],
        words: seen.to_owned(),
    }
}

/// What the model saw on a side: `1 scratch, score 0.71`.
fn seen(slot: Slot, returned: &Returned) -> String {
    let here: Vec<_> = returned.report.findings.iter().filter(|finding| finding.side.0 == slot).collect();
    if here.is_empty() {
        return if returned.report.not_analysed.is_some() { "not analysed" } else { "nothing found" }.to_owned();
    }
    let mut classes: Vec<&str> = here.iter().map(|finding| finding.class.as_str()).collect();
    classes.sort_unstable();
    classes.dedup();
    let class = |class: &str| {
        let same = here.iter().filter(|finding| finding.class == class);
        let scores: Vec<String> = same.map(|finding| format!("{:.2}", finding.score)).collect();
        let score = if scores.len() == 1 { "score" } else { "scores" };
        format!("{}, {score} {}", marks(scores.len(), class), list(&scores))
    };
    classes.into_iter().map(class).collect::<Vec<_>>().join("; ")
}

fn items(slot: Slot, items: &[Item]) -> String {
    let here = items.iter().filter(|item| item.side == slot.as_str());
    let words: Vec<String> = here.map(|item| format!("{} (no. {})", item.class, item.number)).collect();
    list(&words)
}

fn cid(shot: &Shot, domain: &str) -> String {
    format!("{}-{}.{}@{domain}", shot.slot, shot.occasion, shot.id)
}
