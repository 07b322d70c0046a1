//! Facts and clocks of a return, each a name and a value.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rules::{account::Phone, rental::Fuel};
use serde::Serialize;

use crate::review::sheet::Sheet;

#[derive(Serialize)]
pub(super) struct Fact {
    name: &'static str,
    value: String,
}

/// `Sat 21 Nov 2026, 14:05`, on the clock of the branch.
pub(in crate::review) fn moment(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %-d %b %Y, %H:%M").to_string()
}

/// A length of time in its two largest units.
fn span(minutes: i64) -> String {
    match (minutes / 1_440, minutes % 1_440 / 60, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

pub(super) fn facts(sheet: &Sheet, zone: Tz) -> Vec<Fact> {
    let (booking, back) = (&sheet.booking, &sheet.rental_return);
    let fact = |name, value: String| Fact { name, value };
    let phone = sheet.customer.phone.as_deref().and_then(|phone| Phone::new(phone).ok());
    let first_name = sheet.customer.name.split_whitespace().next().unwrap_or("unknown").to_owned();
    let by = if back.brought_by() == booking.customer_id { "by the renter" } else { "by staff" };
    let late = match back.late_minutes.unwrap_or(0) {
        0 => "in time".to_owned(),
        minutes => format!("late by {}", span(minutes.into())),
    };
    vec![
        fact("Car", format!("{} {}, {}", sheet.car.make, sheet.car.model, sheet.car.year)),
        fact("Branch", sheet.branch.name.clone()),
        fact("Booking", booking.number.clone()),
        fact("Renter", phone.map_or_else(|| first_name.clone(), |phone| format!("{first_name}, {}", phone.masked()))),
        fact("Booked from", moment(booking.starts_at, zone)),
        fact("Booked to", moment(booking.ends_at, zone)),
        fact("Returned", back.returned_at.map_or("not yet".to_owned(), |at| format!("{}, {by}", moment(at, zone)))),
        fact("In time?", late),
        fact("Odometer", kilometres(booking.odometer_out_km, back.odometer_km)),
        fact("Fuel", fuel(booking.fuel_out, back.fuel)),
    ]
}

fn kilometres(out: Option<i32>, back: Option<i32>) -> String {
    match (out, back) {
        (Some(out), Some(back)) if back < out => format!("{out} → {back} km (corrected by staff)"),
        (Some(out), Some(back)) => format!("{out} → {back} km ({} km driven)", back - out),
        (out, back) => format!("{} → {} km", known_or(out), known_or(back)),
    }
}

fn known_or(number: Option<i32>) -> String {
    number.map_or("?".to_owned(), |number| number.to_string())
}

fn fuel(out: Option<f64>, back: Option<f64>) -> String {
    let percent = |level: Option<f64>| level.and_then(|level| Fuel::new(level).ok()).map(Fuel::percent);
    let shown = |percent: Option<i64>| percent.map_or("?".to_owned(), |percent| format!("{percent} %"));
    let missing = percent(out).zip(percent(back)).map_or(0, |(out, back)| out - back);
    let words = if missing > 0 { format!(" ({missing} % missing)") } else { String::new() };
    format!("{} → {}{words}", shown(percent(out)), shown(percent(back)))
}

pub(super) fn clocks(sheet: &Sheet, zone: Tz) -> Vec<Fact> {
    let fact = |name, value: String| Fact { name, value };
    let in_time = |at: DateTime<Utc>| match (at - sheet.now).num_minutes() {
        minutes if minutes >= 0 => format!("{} (in {})", moment(at, zone), span(minutes)),
        minutes => format!("{} ({} ago)", moment(at, zone), span(-minutes)),
    };
    let release = if sheet.branch.auto_release {
        "When the photos are good and nothing is found, the car is available without waiting for you."
    } else {
        "The car becomes available when the return is decided."
    };
    vec![
        fact("Decision due", sheet.rental_return.decision_due_at.map_or("not set".to_owned(), in_time)),
        fact("Next rental of this car", sheet.next_start.map_or("none booked".to_owned(), in_time)),
        fact("Released", sheet.rental_return.released_at.map_or(release.to_owned(), in_time)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_told_in_two_units() {
        assert_eq!(span(0), "0 min");
        assert_eq!(span(150), "2 h 30 min");
        assert_eq!(span(3 * 1_440 + 61), "3 d 1 h");
    }
}
