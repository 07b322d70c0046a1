//! What wishes and offers say to people, the same in mails and on pages.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::Wish;
use crate::{car::Category, period::Period};

/// A moment on the wall clock of the branch, with the name of its zone: `Mon 4 May 2026, 14:00 CEST`.
pub fn moment(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %-d %b %Y, %H:%M %Z").to_string()
}

/// A wish, one fact with its name after the other.
pub fn facts(wish: &Wish, zone: Tz) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    match *wish {
        Wish::Window { period, flexibility, min_days } => {
            facts.push(("From", moment(period.start, zone)));
            facts.push(("To", moment(period.end, zone)));
            if flexibility > TimeDelta::zero() {
                facts.push(("Start may shift", format!("by up to {}, earlier or later", span(flexibility))));
            }
            facts.extend(min_days.map(|days| ("A part will do", format!("from {} on", days_of(days)))));
        }
        Wish::Asap { days, latest_start, .. } => {
            facts.push(("When", "as soon as one is free".to_owned()));
            facts.push(("For", days_of(days)));
            facts.push(("Starting by", moment(latest_start, zone)));
        }
    }
    facts
}

/// What was waited for, of which something else is offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// The one car: make, model and plate.
    pub car: Option<String>,
    pub class: Option<Category>,
    /// The name of the branch.
    pub branch: Option<String>,
}

/// Exactly what differs from the wish (W6), with the wish beside it; nothing when all is as wished.
pub fn differences(wish: &Wish, missed: &Missed, offered: Period, class: Category, zone: Tz) -> Vec<String> {
    let mut differences = Vec::new();
    let another = |what: &str, wished: &String| format!("It is {what}: you wished for {wished}.");
    differences.extend(missed.car.as_ref().map(|wished| another("another car", wished)));
    differences.extend(missed.branch.as_ref().map(|wished| another("at another branch", wished)));
    if let Wish::Window { period: wished, .. } = *wish {
        differences.extend(shift("starts", offered.start, wished.start, zone));
        differences.extend(shift("ends", offered.end, wished.end, zone));
        let missing = wished.length() - offered.length();
        if missing > TimeDelta::zero() {
            differences.push(format!("It is {} shorter than you wished.", span(missing)));
        }
    }
    if let Some(wanted) = missed.class {
        // Whoever waits for a class pays no more than it costs; one car has its own price.
        let price = if missed.car.is_none() { ", at no higher price" } else { "" };
        differences.push(format!("It is a car of the class {class} instead of {wanted}{price}."));
    }
    differences
}

fn shift(what: &str, offered: DateTime<Utc>, wished: DateTime<Utc>, zone: Tz) -> Option<String> {
    let way = if offered > wished { "later" } else { "earlier" };
    let shift = span(offered - wished);
    (offered != wished).then(|| format!("It {what} {shift} {way}: you wished for {}.", moment(wished, zone)))
}

fn days_of(days: u32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// So much time in words, the two largest units of it: `2 h 30 min`, `1 day 2 h`.
fn span(time: TimeDelta) -> String {
    let minutes = time.num_minutes().abs();
    let parts = [(minutes / 1440, "day"), (minutes / 60 % 24, "h"), (minutes % 60, "min")];
    let words = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| match (*count, *unit) {
        (2.., "day") => format!("{count} days"),
        (count, unit) => format!("{count} {unit}"),
    });
    let words: Vec<_> = words.take(2).collect();
    if words.is_empty() { "less than a minute".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::tests::period;

    const WISH: fn() -> Wish = || Wish::Window {
        period: period("2026-05-08T08:00", "2026-05-11T08:00"),
        flexibility: TimeDelta::minutes(90),
        min_days: Some(1),
    };

    #[test]
    fn a_wish_is_told_on_the_clock_of_the_branch() {
        let facts = facts(&WISH(), Tz::Europe__Berlin);
        assert_eq!(facts[0], ("From", "Fri 8 May 2026, 10:00 CEST".to_owned()));
        assert_eq!(facts[2].1, "by up to 1 h 30 min, earlier or later");
        assert_eq!(facts[3].1, "from 1 day on");
    }

    #[test]
    fn an_offer_says_exactly_what_is_not_as_wished() {
        let class = Category::Compact;
        let told = |offered| differences(&WISH(), &Missed::default(), offered, class, Tz::UTC);
        assert!(told(period("2026-05-08T08:00", "2026-05-11T08:00")).is_empty());
        assert_eq!(
            told(period("2026-05-08T06:45", "2026-05-11T06:45")),
            [
                "It starts 1 h 15 min earlier: you wished for Fri 8 May 2026, 08:00 UTC.",
                "It ends 1 h 15 min earlier: you wished for Mon 11 May 2026, 08:00 UTC.",
            ]
        );
        let part = told(period("2026-05-09T10:00", "2026-05-11T08:00"));
        assert_eq!(part[1], "It is 1 day 2 h shorter than you wished.");
        let as_wished = period("2026-05-08T08:00", "2026-05-11T08:00");
        let missed = Missed { class: Some(class), ..Missed::default() };
        let better = differences(&WISH(), &missed, as_wished, Category::Suv, Tz::UTC);
        assert_eq!(better, ["It is a car of the class suv instead of compact, at no higher price."]);
        let missed = Missed { car: Some("VW Golf, B-FC 27".to_owned()), branch: Some("Harbour".to_owned()), ..missed };
        assert_eq!(
            differences(&WISH(), &missed, as_wished, Category::Suv, Tz::UTC),
            [
                "It is another car: you wished for VW Golf, B-FC 27.",
                "It is at another branch: you wished for Harbour.",
                "It is a car of the class suv instead of compact.",
            ]
        );
    }
}
