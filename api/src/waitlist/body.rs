//! What somebody says who wants to wait, read into a job or into every reason against it.

use chrono::{DateTime, Utc};
use jobs::waitlist::{JoinWaitlist, Target, Wish};
use poem_openapi::Object;
use rules::{
    car::Category,
    period::{Period, stored},
};
use uuid::Uuid;
use view::{Word, waitlist::Asap};

use crate::{account::Reasons, error::ApiError};

/// Thirty days.
const MOST_FLEXIBLE: i32 = 30 * 24 * 60;
const MOST_DAYS: i32 = 30;

/// Somebody waits for what is taken.
#[derive(Debug, Default, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewEntry {
    /// This car …
    car_id: Option<Uuid>,
    /// … or a car of this class at `branchId`.
    category: Option<Word<Category>>,
    branch_id: Option<Uuid>,
    /// A better class at the same price is welcome too.
    #[oai(default)]
    or_better: bool,
    /// These dates …
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    /// The start may be so many minutes earlier or later, at most 30 days.
    #[oai(default)]
    flexibility: i32,
    /// A part of the dates is welcome from so many days on, 1 to 30.
    min_days: Option<i32>,
    /// … or as soon as possible.
    asap: Option<Asap>,
    /// Minor units of the currency in which the car, or the class at the branch, is priced; no offer costs more.
    price_cap: Option<i64>,
}

impl NewEntry {
    /// The job, under a new id.
    pub(super) fn job(self, customer_id: Uuid) -> Result<JoinWaitlist, ApiError> {
        let mut reasons = Reasons::default();
        let target = self.target(&mut reasons);
        let wish = self.wish(&mut reasons);
        if self.price_cap.is_some_and(|cap| cap < 1) {
            reasons.add("/priceCap", "must be more than nothing");
        }
        match (target, wish) {
            (Some(target), Some(wish)) if reasons.is_empty() => {
                Ok(JoinWaitlist { entry_id: Uuid::now_v7(), customer_id, target, wish, price_cap: self.price_cap })
            }
            _ => Err(reasons.into_error()),
        }
    }

    fn target(&self, reasons: &mut Reasons) -> Option<Target> {
        match (self.car_id, self.category, self.branch_id) {
            (Some(car_id), None, None) => {
                if self.or_better {
                    reasons.add("/orBetter", "is for those who wait for a class, not for one car");
                }
                Some(Target::Car { car_id })
            }
            (None, Some(category), Some(branch_id)) => {
                Some(Target::Class { category: category.0, branch_id, or_better: self.or_better })
            }
            (Some(_), ..) => {
                reasons.add("/carId", "either a car, or category and branchId, but not both");
                None
            }
            (None, None, None) => {
                reasons.add("/carId", "say which car, or give category and branchId");
                None
            }
            (None, None, Some(_)) => {
                reasons.add("/category", "is needed beside branchId");
                None
            }
            (None, Some(_), None) => {
                reasons.add("/branchId", "is needed beside category");
                None
            }
        }
    }

    fn wish(&self, reasons: &mut Reasons) -> Option<Wish> {
        match (self.from, self.to, &self.asap) {
            (Some(start), Some(end), None) => self.window(start, end, reasons),
            (None, None, Some(asap)) => self.soon(asap, reasons),
            (None, None, None) => {
                reasons.add("/from", "give from and to, or asap");
                None
            }
            (_, _, Some(_)) => {
                reasons.add("/asap", "either dates or as soon as possible, but not both");
                None
            }
            (from, ..) => {
                reasons.add(if from.is_none() { "/from" } else { "/to" }, "is missing: dates have both ends");
                None
            }
        }
    }

    fn window(&self, start: DateTime<Utc>, end: DateTime<Utc>, reasons: &mut Reasons) -> Option<Wish> {
        let period = reasons.period(("/from", start), ("/to", end));
        let min_days = self.min_days.and_then(|days| within("/minDays", days, 1, MOST_DAYS, reasons));
        let flexibility_minutes = within("/flexibility", self.flexibility, 0, MOST_FLEXIBLE, reasons)?;
        period.map(|Period { start, end, .. }| Wish::Window { start, end, flexibility_minutes, min_days })
    }

    fn soon(&self, asap: &Asap, reasons: &mut Reasons) -> Option<Wish> {
        if self.min_days.is_some() {
            reasons.add("/minDays", "is for those who wait for dates");
        }
        if self.flexibility != 0 {
            reasons.add("/flexibility", "is for those who wait for dates");
        }
        let days = within("/asap/days", asap.days, 1, MOST_DAYS, reasons)?;
        Some(Wish::Asap { days, latest_start: stored(asap.latest_start) })
    }
}

fn within(pointer: &str, number: i32, least: i32, most: i32, reasons: &mut Reasons) -> Option<u32> {
    if !(least..=most).contains(&number) {
        reasons.add(pointer, format!("must be between {least} and {most}"));
    }
    u32::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ParseFromJSON;
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> Result<JoinWaitlist, Vec<String>> {
        let entry = NewEntry::parse_from_json(Some(body)).unwrap();
        let pointers = |error: ApiError| error.errors.into_iter().map(|reason| reason.pointer).collect();
        entry.job(Uuid::nil()).map_err(pointers)
    }

    #[test]
    fn a_car_for_dates_and_a_class_as_soon_as_possible_are_wishes() {
        let (id, from, to) = (Uuid::from_u128(1), "2026-05-08T10:00:00Z", "2026-05-11T10:00:00Z");
        let dates = read(json!({ "carId": id, "from": from, "to": to, "flexibility": 90, "minDays": 2 })).unwrap();
        assert_eq!(dates.target, Target::Car { car_id: id });
        assert!(matches!(dates.wish, Wish::Window { flexibility_minutes: 90, min_days: Some(2), .. }));
        let asap = json!({ "days": 3, "latestStart": from });
        let soon = json!({ "category": "compact", "branchId": id, "orBetter": true, "asap": asap, "priceCap": 9_000 });
        let soon = read(soon).unwrap();
        assert!(matches!(soon.target, Target::Class { or_better: true, .. }));
        assert!(matches!(soon.wish, Wish::Asap { days: 3, .. }));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let (from, to) = ("2026-05-11T10:00:00Z", "2026-05-08T10:00:00Z");
        let wrong =
            json!({ "category": "suv", "from": from, "to": to, "flexibility": -1, "minDays": 0, "priceCap": 0 });
        assert_eq!(read(wrong).unwrap_err(), ["/branchId", "/to", "/minDays", "/flexibility", "/priceCap"]);
        assert_eq!(read(json!({})).unwrap_err(), ["/carId", "/from"]);
        let year_0 = json!({ "carId": Uuid::nil(), "from": "0000-01-01T00:00:00Z", "to": to });
        assert_eq!(read(year_0).unwrap_err(), ["/from"]);
        let asap = json!({ "days": 31, "latestStart": from });
        let both = json!({ "carId": Uuid::nil(), "branchId": Uuid::nil(), "from": from, "asap": asap });
        assert_eq!(read(both).unwrap_err(), ["/carId", "/asap"]);
        let soon = json!({ "carId": Uuid::nil(), "orBetter": true, "flexibility": 5, "minDays": 1, "asap": asap });
        assert_eq!(read(soon).unwrap_err(), ["/orBetter", "/minDays", "/flexibility", "/asap/days"]);
        assert_eq!(read(json!({ "carId": Uuid::nil(), "to": to })).unwrap_err(), ["/from"]);
    }
}
