//! The report of a return: what the admin's mail derives from the facts.

use chrono::{DateTime, Utc};
use jobs::notify::News;
use rules::{
    damage::Class,
    money::{Currency, Money},
    rental::{Occasion, ReturnState, Subject, is_urgent},
};
use serde::Serialize;
use view::rental::Finding;

use super::{
    facts::Returned,
    render::Recipient,
    word::{capital, mark},
};

/// What the mail about a return derives from its facts.
#[derive(Serialize)]
pub(super) struct Page {
    urgent: bool,
    /// Why the recipient is asked once more.
    reminder: String,
    verdict: String,
    facts: Vec<Row>,
    /// What the renter should know of them.
    noted: Vec<Row>,
    candidates: Vec<Candidate>,
    known: Vec<String>,
    clocks: Vec<Row>,
    /// No photo of the pick-up, so nobody can say what was there before.
    no_baseline: bool,
    /// A person has looked already.
    decided: bool,
    review: Option<String>,
    others: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Candidate {
    number: i32,
    what: String,
    score: String,
    compared: String,
    suggestion: String,
}

impl Page {
    pub(super) fn of(news: News, returned: &Returned, to: &Recipient) -> Self {
        let (known, candidates): (Vec<&Finding>, Vec<_>) =
            returned.report.findings.iter().partition(|finding| finding.novelty == "known");
        let seen = known.into_iter().map(|finding| {
            format!(
                "{}: {}, score {:.2} (no. {}; {})",
                capital(finding.side.0.as_str()),
                mark(&finding.class),
                finding.score,
                finding.number,
                finding.reason
            )
        });
        Self {
            urgent: urgent(returned, to.now),
            reminder: reminder(news, returned),
            verdict: verdict(returned),
            facts: facts(returned),
            noted: noted(returned),
            candidates: candidates.into_iter().map(Candidate::of).collect(),
            known: seen.chain(returned.register.iter().cloned()).collect(),
            clocks: clocks(returned),
            no_baseline: !returned.shots.iter().any(|shot| shot.occasion == Occasion::Pickup),
            decided: returned.state == ReturnState::Decided,
            review: to.review.clone(),
            others: others(news, returned, to),
        }
    }
}

impl Candidate {
    fn of(finding: &Finding) -> Self {
        Self {
            number: finding.number,
            what: format!("{}: {}", place(finding), mark(&finding.class)),
            score: format!("{:.2}", finding.score),
            compared: format!("{}: {}", finding.novelty, finding.reason),
            suggestion: suggestion(finding),
        }
    }
}

/// Side and, where the class tells it, panel.
fn place(finding: &Finding) -> String {
    let side = capital(finding.side.0.as_str());
    finding.suggested_panel.map_or(side.clone(), |panel| format!("{side}, {}", panel.0))
}

/// Severity and estimate; no number for what the model is not sure of.
fn suggestion(finding: &Finding) -> String {
    let Some(severity) = &finding.suggested_severity else { return "none: routed to manual review".to_owned() };
    let estimate = finding.suggested_estimate.as_ref();
    let estimate = estimate.and_then(|sum| Some(Money::new(sum.amount, Currency::new(&sum.currency).ok()?)));
    estimate.map_or_else(|| severity.clone(), |sum| format!("{severity}, about {sum}"))
}

fn candidates(returned: &Returned) -> impl Iterator<Item = &Finding> {
    returned.report.findings.iter().filter(|finding| finding.novelty != "known")
}

fn urgent(returned: &Returned, now: DateTime<Utc>) -> bool {
    let classes = candidates(returned).filter_map(|finding| finding.class.parse::<Class>().ok());
    is_urgent(now, returned.next_start(), classes)
}

fn others(news: News, returned: &Returned, to: &Recipient) -> Vec<String> {
    returned.asked(news).iter().filter(|person| person.id != to.id).map(|person| person.name.clone()).collect()
}

pub(super) fn subject(news: News, returned: &Returned, now: DateTime<Utc>) -> String {
    let marks = candidates(returned).count();
    let verdict = match (news, returned.due, &returned.report.not_analysed) {
        (News::DecisionDue, Some(due), _) => Subject::Due(due.at),
        (News::DecisionOverdue, Some(due), _) => Subject::Overdue(due.at),
        (_, _, Some(reason)) => Subject::NotAnalysed { reason },
        _ if marks > 0 => Subject::Review { marks },
        _ => Subject::Clear,
    };
    let (car, zone) = (returned.rental.car_words(), returned.rental.starts.zone);
    rules::rental::subject(verdict, &car, returned.next_start(), now, zone, urgent(returned, now))
}

/// Why the recipient hears of the same return again.
pub(super) fn reminder(news: News, returned: &Returned) -> String {
    let due = returned.due.map_or_else(|| "soon".to_owned(), |due| format!("by {due}"));
    match (news, returned.state) {
        (News::DecisionOverdue, ReturnState::AwaitingPhotos) => {
            "Better photos were asked for and have not come. Please decide with what there is.".to_owned()
        }
        (News::DecisionOverdue, _) => {
            format!("This return was to be decided {due}, and nobody has done it. That is why you are asked now.")
        }
        _ => format!("Nobody has decided this return yet. Please do so {due}."),
    }
}

/// Who looks at what has come back.
pub(super) fn looked_at(returned: &Returned) -> &'static str {
    match (returned.state, &returned.without_photos) {
        (ReturnState::Decided, _) => "A person has looked at it.",
        (_, Some(_)) => "A person looks at it.",
        (_, None) => "A person looks at the photos.",
    }
}

/// One line: what the model says, how sure it is, what is asked and by when.
pub(super) fn verdict(returned: &Returned) -> String {
    let by = returned.due.map(|due| format!(" by {due}")).unwrap_or_default();
    let surest = candidates(returned).max_by(|one, other| one.score.total_cmp(&other.score));
    match (&returned.report.not_analysed, surest) {
        (Some(reason), _) => {
            let reason = reason.trim_end_matches('.');
            let look = if returned.without_photos.is_some() { "at the car" } else { "at the photos yourself" };
            format!("NOT ANALYSED: {reason}. Please look {look} and decide{by}.")
        }
        (None, Some(surest)) => {
            let count = candidates(returned).count();
            let marks =
                if count == 1 { "1 possible new mark".to_owned() } else { format!("{count} possible new marks") };
            format!(
                "The model sees {marks}; the surest is a {} on the {} side, score {:.2}. Please look and decide{by}.",
                mark(&surest.class),
                surest.side.0,
                surest.score
            )
        }
        (None, None) => format!("The model found nothing new. Please look at the photos and confirm{by}."),
    }
}

fn facts(returned: &Returned) -> Vec<Row> {
    let rental = &returned.rental;
    let row = |name, value| Row { name, value };
    let or_unknown = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
    let bay = rental.location.as_ref().map(|bay| format!(", {bay}")).unwrap_or_default();
    let phone = rental.phone.as_ref().map(|phone| format!(", {phone}")).unwrap_or_default();
    let back = returned
        .returned
        .map_or_else(|| "not yet".to_owned(), |at| format!("{at}, {}", lateness(returned.late_minutes)));
    let mut rows = vec![
        row("Car", rental.car_words()),
        row("Branch", format!("{}{bay}", rental.branch)),
        row("Booking", rental.number.clone()),
        row("Renter", format!("{}{phone}", rental.customer.name)),
        row("Period", format!("{} to {}", rental.starts, rental.ends)),
        row("Returned", back),
        row("Odometer", or_unknown(distance(returned.odometer_out, returned.odometer_in))),
        row("Fuel", or_unknown(fuel(returned.fuel_out, returned.fuel_in))),
        row("Returned by", returned.brought_by.clone()),
    ];
    if let Some(reason) = &returned.without_photos {
        rows.push(row("Photos left out", reason.clone()));
    }
    rows
}

fn noted(returned: &Returned) -> Vec<Row> {
    let told = ["Returned", "Odometer", "Fuel"];
    facts(returned).into_iter().filter(|row| told.contains(&row.name)).collect()
}

fn lateness(minutes: i32) -> String {
    match (minutes / 60, minutes % 60) {
        (_, _) if minutes <= 0 => "in time".to_owned(),
        (0, minutes) => format!("late by {minutes} min"),
        (hours, minutes) => format!("late by {hours} h {minutes} min"),
    }
}

fn distance(out: Option<i32>, back: Option<i32>) -> Option<String> {
    let back = back?;
    Some(match out {
        Some(out) if back < out => format!("{out} km → {back} km (corrected by staff)"),
        Some(out) => format!("{out} km → {back} km ({} km driven)", back - out),
        None => format!("{back} km; unknown at pick-up"),
    })
}

fn fuel(out: Option<i64>, back: Option<i64>) -> Option<String> {
    let back = back?;
    Some(match out {
        Some(out) => format!("{out} % → {back} %"),
        None => format!("{back} %; unknown at pick-up"),
    })
}

fn clocks(returned: &Returned) -> Vec<Row> {
    let row = |name, value| Row { name, value };
    let next = returned.next.as_ref();
    let deposit = returned.rental.deposit;
    let deposit = deposit.map(|sum| format!("{}; hold not taken yet: no payment provider is configured", sum.0));
    let waiting = match returned.waiting {
        0 => "nobody".to_owned(),
        1 => "1 person".to_owned(),
        people => format!("{people} people"),
    };
    let release = if returned.auto_release {
        "This branch lets a clean return make its car available by itself; who pays stays open."
    } else {
        "The car stays unavailable until you decide."
    };
    vec![
        row("Decision due", returned.due.map_or_else(|| "as soon as you can".to_owned(), |due| due.to_string())),
        row(
            "Next booking",
            next.map_or_else(|| "none".to_owned(), |next| format!("{} ({})", next.starts, next.number)),
        ),
        row("Waiting for this car", waiting),
        row("Deposit", deposit.unwrap_or_else(|| "none agreed".to_owned())),
        row("Availability", release.to_owned()),
    ]
}
