//! The page of a damage case as its template wants it.

use chrono_tz::Tz;
use entity::{booking, car, damage_case, derivative, photo};
use rules::{
    damage::{CaseState, MOST_DISPUTE_PHOTOS},
    money::{Currency, Money},
    rental::{Occasion, Slot},
    waitlist::moment,
};
use serde::Serialize;
use std::collections::HashMap;
use uuid::Uuid;
use view::damage::DamageCaseItem;

use crate::{
    error::ApiError,
    form::Form,
    link::Opened,
    picture::{Boxed, Picture, Words},
};

/// A case with all that its page shows.
pub(super) struct Sheet {
    pub(super) case: damage_case::Model,
    pub(super) booking: booking::Model,
    pub(super) car: car::Model,
    /// The photos that count, of both occasions.
    pub(super) photos: Vec<photo::Model>,
    pub(super) copies: HashMap<Uuid, derivative::Model>,
    /// Whether the page is shown to its customer, rather than to staff.
    pub(super) to_customer: bool,
}

/// Everything on the page.
#[derive(Serialize)]
pub(super) struct Face {
    pub(super) plate: String,
    pub(super) car: String,
    number: String,
    pub(super) tone: &'static str,
    pub(super) label: &'static str,
    pub(super) sentence: String,
    pub(super) refused: Option<String>,
    /// What was typed and had no effect; `None` where the form still holds it.
    pub(super) unused: Option<String>,
    items: Vec<Item>,
    estimate: String,
    pub(super) amount: String,
    lowered: bool,
    /// Anything is asked for.
    owed: bool,
    note: Option<String>,
    dispute: Option<String>,
    /// What came with the dispute.
    sent: Vec<Picture>,
    most_photos: usize,
    pub(super) settlement: Option<String>,
    sides: Vec<Side>,
    /// The customer reads it, rather than staff.
    to_customer: bool,
    /// The customer may answer.
    answers: bool,
    until: Option<String>,
    /// Staff may decide.
    decides: bool,
    currency: String,
    words: String,
    /// The new amount as it was typed.
    less: String,
    action: String,
    csrf: String,
    zone: String,
    reader: String,
    case_id: String,
}

#[derive(Serialize)]
struct Item {
    number: usize,
    place: String,
    class: &'static str,
    severity: String,
    note: Option<String>,
    estimate: Option<String>,
    /// There is no pick-up photo of its side, so the estimate is not asked for.
    uncharged: bool,
}

#[derive(Serialize)]
struct Side {
    slot: &'static str,
    name: &'static str,
    photos: [Picture; 2],
}

/// What belongs to this very showing of the page.
pub(super) struct Showing<'a> {
    pub(super) token: &'a str,
    pub(super) csrf: String,
    pub(super) refused: Option<String>,
    /// What was filled in before.
    pub(super) filled: &'a Form,
}

impl Sheet {
    pub(super) fn zone(&self) -> Result<Tz, ApiError> {
        self.booking.time_zone.parse().map_err(ApiError::internal)
    }

    /// Whether the reader can still press something.
    pub(super) fn is_live(&self, opened: &Opened) -> bool {
        let state = self.case.state.0;
        let mine = if self.to_customer { state == CaseState::Notified } else { state == CaseState::Disputed };
        mine && opened.now < opened.expires_at
    }
}

impl Face {
    pub(super) fn of(sheet: &Sheet, opened: &Opened, showing: Showing<'_>) -> Result<Self, ApiError> {
        let (case, zone) = (&sheet.case, sheet.zone()?);
        let currency = Currency::new(&case.currency).map_err(ApiError::internal)?;
        let money = |amount| Money::new(amount, currency).to_string();
        let items = DamageCaseItem::of(case)?;
        let (tone, label, sentence) = standing(sheet, opened, zone, &money(case.amount));
        let before = sheet.photos.iter().filter(|photo| photo.occasion.0 == Occasion::Pickup);
        let before: Vec<_> = before.map(|photo| photo.slot.0).collect();
        let page = format!("/damage/{}", showing.token);
        let (live, words) = (sheet.is_live(opened), showing.filled.text("words").to_owned());
        Ok(Self {
            plate: sheet.booking.plate.clone(),
            car: format!("{} {}", sheet.car.make, sheet.car.model),
            number: sheet.booking.number.clone(),
            tone,
            label,
            sentence,
            unused: Some(words.clone()).filter(|words| !live && showing.refused.is_some() && !words.is_empty()),
            refused: showing.refused,
            items: items.iter().enumerate().map(|(at, item)| Item::of(at + 1, item, &before, money)).collect(),
            estimate: money(case.estimate),
            amount: money(case.amount),
            lowered: case.amount < case.estimate,
            owed: case.amount > 0,
            note: case.note.clone(),
            dispute: case.dispute.clone(),
            sent: (1..).zip(case.dispute_photos()?).map(|(at, photo)| Picture::sent(&photo, at, &page)).collect(),
            most_photos: MOST_DISPUTE_PHOTOS,
            settlement: case.settlement.clone(),
            sides: Slot::ALL.iter().filter_map(|slot| side(sheet, &items, *slot, &page)).collect(),
            to_customer: sheet.to_customer,
            answers: sheet.to_customer && live,
            until: case.respond_by.map(|at| moment(at, zone)),
            decides: !sheet.to_customer && live,
            currency: case.currency.clone(),
            words,
            less: showing.filled.text("amount").to_owned(),
            action: page,
            csrf: showing.csrf,
            zone: zone.name().to_owned(),
            reader: opened.reader.name.clone(),
            case_id: case.id.to_string(),
        })
    }
}

/// How the case stands: tone, label, and a sentence for whoever reads it.
fn standing(sheet: &Sheet, opened: &Opened, zone: Tz, amount: &str) -> (&'static str, &'static str, String) {
    let until = sheet.case.respond_by.map(|at| moment(at, zone)).unwrap_or_default();
    let owed = sheet.case.amount > 0;
    let asked = if owed { format!("{amount} are asked for") } else { "nothing is asked for".to_owned() };
    match sheet.case.state.0 {
        CaseState::Open | CaseState::InReview => ("plain", "IN REVIEW", "A person looks at the photos.".to_owned()),
        CaseState::Dismissed => ("good", "DISMISSED", "A person found no new damage. Nothing is asked for.".to_owned()),
        CaseState::Confirmed => ("warn", "CONFIRMED", format!("A person confirmed damage; {asked}.")),
        CaseState::Notified if sheet.is_live(opened) => (
            "warn",
            "PLEASE ANSWER",
            match owed {
                true => format!(
                    "We ask for {amount}. Please agree or tell us why not, until {until}. Nothing has been charged."
                ),
                false => format!("Damage is written down; {asked}. You may agree or tell us why not, until {until}."),
            },
        ),
        CaseState::Notified if sheet.to_customer => {
            ("warn", "TIME IS OVER", format!("Damage is written down; {asked}. The time to answer ended {until}."))
        }
        CaseState::Notified => {
            ("warn", "CUSTOMER TOLD", format!("The customer knows that {asked}. Answers until {until}."))
        }
        CaseState::Accepted if owed => {
            ("plain", "AGREED", format!("{amount} are agreed. An invoice comes before any payment."))
        }
        CaseState::Accepted => ("plain", "AGREED", "The damage is agreed; nothing is asked for.".to_owned()),
        CaseState::Disputed if sheet.to_customer => {
            let words = "A person reads what you wrote, decides and writes to you. Nothing is charged until then.";
            ("plain", "DISPUTED", words.to_owned())
        }
        CaseState::Disputed => {
            ("warn", "DISPUTED", format!("The customer sees it differently; {asked}. Please decide."))
        }
        CaseState::Upheld if !owed => ("plain", "UPHELD", format!("A person decided that the damage stands; {asked}.")),
        CaseState::Upheld => ("plain", "UPHELD", format!("A person decided that {amount} stand.")),
        CaseState::Reduced => ("good", "REDUCED", format!("A person lowered the amount to {amount}.")),
        CaseState::Waived => ("good", "WAIVED", "Nothing is asked for any more.".to_owned()),
        CaseState::Charged => ("plain", "INVOICED", format!("{amount} were put on an invoice.")),
        CaseState::Released | CaseState::Closed => ("plain", "CLOSED", "The case is closed.".to_owned()),
    }
}

impl Item {
    fn of(number: usize, item: &DamageCaseItem, before: &[Slot], money: impl Fn(i64) -> String) -> Self {
        Self {
            number,
            place: item.place(),
            class: item.class.0.name(),
            severity: item.severity.0.to_string(),
            note: item.note.clone(),
            estimate: item.estimate.map(money),
            uncharged: item.estimate.is_some() && !item.side.0.is_chargeable(before),
        }
    }
}

/// A side on which something was confirmed, before and after.
fn side(sheet: &Sheet, items: &[DamageCaseItem], slot: Slot, page: &str) -> Option<Side> {
    let here = || (1..).zip(items).filter(|(_, item)| item.side.0.as_str() == slot.as_str());
    here().next()?;
    let picture = |occasion: Occasion, caption: &str| {
        let photo = sheet.photos.iter().find(|photo| (photo.slot.0, photo.occasion.0) == (slot, occasion));
        let Some(photo) = photo else { return Picture::none(caption) };
        let boxes = here().filter(|(_, item)| item.photo_id == Some(photo.id));
        let boxed = |(number, item): (i32, &'_ DamageCaseItem)| {
            let what = item.class.0.name().to_owned();
            Some(Boxed { number, novelty: "new", what, region: item.region.clone()? })
        };
        let words = Words { caption: caption.to_owned(), shows: format!("{caption}, {slot}"), bare: "no box on it" };
        Picture::of(photo, sheet.copies.get(&photo.id), page, words, &boxes.filter_map(boxed).collect::<Vec<_>>())
    };
    let name = match slot {
        Slot::Front => "Front",
        Slot::Back => "Back",
        Slot::Left => "Left",
        Slot::Right => "Right",
    };
    let photos = [picture(Occasion::Pickup, "At pick-up"), picture(Occasion::Return, "At return")];
    Some(Side { slot: slot.as_str(), name, photos })
}
