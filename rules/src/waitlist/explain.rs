//! Why somebody was asked or not, in words for staff.

use super::{Answer, EntryState, OfferState};

/// What is known of one entry and the time of one car.
#[derive(Clone, Copy, Debug)]
pub struct Considered<'a> {
    pub state: EntryState,
    pub suspended: bool,
    /// The car is in service and neither it nor its branch is paused.
    pub given_away: bool,
    /// What the free time means for the wish.
    pub answer: Option<Answer>,
    /// The same if nobody were thinking about an offer of it.
    pub without_holds: Option<Answer>,
    /// What it would cost is more than they want to pay.
    pub too_dear: bool,
    /// How their offers of this car for this time stand.
    pub offers: &'a [OfferState],
    /// They think about another offer for the same time.
    pub asked_elsewhere: bool,
}

words! {
    /// How an entry fared.
    pub enum Fared {
        Served = "served",
        Offered = "offered",
        Declined = "declined",
        NotWaiting = "not_waiting",
        Suspended = "suspended",
        NotGivenAway = "not_given_away",
        HeldForAnother = "held_for_another",
        DoesNotFit = "does_not_fit",
        AskedElsewhere = "asked_elsewhere",
        TooDear = "too_dear",
        FinalCall = "final_call",
        Next = "next",
    }
}

/// Why this entry has the time, or has not. What was decided comes before what could be.
pub fn explain(considered: &Considered<'_>) -> Fared {
    let had = |state| considered.offers.contains(&state);
    match considered {
        _ if had(OfferState::Accepted) => Fared::Served,
        _ if had(OfferState::Offered) => Fared::Offered,
        Considered { state, .. } if *state != EntryState::Waiting => Fared::NotWaiting,
        _ if had(OfferState::Declined) => Fared::Declined,
        Considered { suspended: true, .. } => Fared::Suspended,
        Considered { given_away: false, .. } => Fared::NotGivenAway,
        Considered { answer: None, without_holds: None, .. } => Fared::DoesNotFit,
        // Whoever would not be asked anyway is not waiting for somebody ahead.
        Considered { asked_elsewhere: true, .. } => Fared::AskedElsewhere,
        Considered { too_dear: true, .. } => Fared::TooDear,
        Considered { answer: None, .. } => Fared::HeldForAnother,
        Considered { answer: Some(Answer::FinalCall(_)), .. } => Fared::FinalCall,
        Considered { answer: Some(Answer::Offer { .. }), .. } => Fared::Next,
    }
}

/// The same in a sentence.
pub fn explained(considered: &Considered<'_>) -> String {
    let words = match explain(considered) {
        Fared::Served => "They accepted an offer of it: there is a booking.",
        Fared::Offered => "It is offered to them, and they have not answered yet.",
        Fared::Declined => "They declined this car for this time, so the queue does not ask them again; staff may.",
        Fared::NotWaiting => return not_waiting(considered.state).to_owned(),
        Fared::Suspended => "Their account is suspended.",
        Fared::NotGivenAway => "Nothing of this car is given away: it is not in service, or its waitlist is paused.",
        Fared::HeldForAnother => "It would suit them, but is held for somebody who was ahead and has not answered yet.",
        Fared::DoesNotFit => "No free time of the car suits the wish: other dates, too short, or not free that soon.",
        Fared::AskedElsewhere => "They think about another offer for the same time.",
        Fared::TooDear => "It costs more than they want to pay at most.",
        Fared::FinalCall => {
            "It begins too soon to ask one person alone; they hear of it, and the first to book has it."
        }
        Fared::Next => "It suits them: unless somebody ahead takes it, the next look at the queue offers it to them.",
    };
    let silent = considered.offers.contains(&OfferState::Expired);
    if silent { format!("{words} They were offered it before and did not answer.") } else { words.to_owned() }
}

fn not_waiting(state: EntryState) -> &'static str {
    match state {
        EntryState::Offered => "They think about an offer of another car or time.",
        EntryState::Fulfilled => "Their wish came true with another car or time.",
        EntryState::Lapsed => "They did not answer two offers and have not joined again.",
        EntryState::Left => "They left the waitlist.",
        EntryState::Closed => "Their wish could no longer be met.",
        EntryState::Blocked => "An offer of theirs was taken back, and nobody has reinstated them.",
        EntryState::Waiting => "They wait.",
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::{
        period::tests::{at, period},
        waitlist::{Fit, Gap, Moment, Terms, Wish, answer},
    };

    const NOBODY: Considered<'static> = Considered {
        state: EntryState::Waiting,
        suspended: false,
        given_away: true,
        answer: None,
        without_holds: None,
        too_dear: false,
        offers: &[],
        asked_elsewhere: false,
    };

    fn offer() -> Option<Answer> {
        let fit = Fit { period: period("2026-05-08T10:00", "2026-05-11T10:00"), exact: true };
        Some(Answer::Offer { fit, expires_at: at("2026-05-07T10:00") })
    }

    #[test]
    fn what_was_decided_comes_before_what_could_be() {
        let fits = Considered { answer: offer(), without_holds: offer(), ..NOBODY };
        assert_eq!(explain(&fits), Fared::Next);
        assert_eq!(explain(&Considered { offers: &[OfferState::Declined], ..fits }), Fared::Declined);
        let served = Considered { state: EntryState::Fulfilled, offers: &[OfferState::Accepted], ..fits };
        assert_eq!(explain(&served), Fared::Served);
        assert_eq!(explain(&Considered { state: EntryState::Fulfilled, ..fits }), Fared::NotWaiting);
        assert_eq!(explain(&Considered { given_away: false, suspended: true, ..fits }), Fared::Suspended);
    }

    #[test]
    fn time_that_is_held_is_told_from_time_that_does_not_fit() {
        assert_eq!(explain(&Considered { without_holds: offer(), ..NOBODY }), Fared::HeldForAnother);
        assert_eq!(explain(&NOBODY), Fared::DoesNotFit);
        let held = Considered { without_holds: offer(), ..NOBODY };
        assert_eq!(explain(&Considered { too_dear: true, ..held }), Fared::TooDear, "skipped for the price");
        assert_eq!(explain(&Considered { asked_elsewhere: true, ..held }), Fared::AskedElsewhere);
        assert!(explained(&Considered { offers: &[OfferState::Expired], ..NOBODY }).contains("did not answer"));
    }

    /// The promotion asks exactly those whom `answer` gives an offer; the explanation agrees with it.
    #[test]
    fn whoever_the_queue_would_ask_is_explained_to_be_next() {
        let moment =
            Moment { now: at("2026-05-04T10:00"), zone: Tz::UTC, turnaround_minutes: 60, terms: Terms::default() };
        let gap = Gap { period: period("2026-05-04T11:00", "2026-06-01T10:00"), now: true, open: false };
        let wish = |start| Wish::Window {
            period: period(start, "2026-05-11T10:00"),
            flexibility: chrono::TimeDelta::zero(),
            min_days: None,
        };
        for (start, fared) in [
            ("2026-05-08T10:00", Fared::Next),
            ("2026-05-04T11:30", Fared::FinalCall),
            ("2026-05-04T10:30", Fared::DoesNotFit),
        ] {
            let answer = answer(&wish(start), &gap, &moment);
            assert_eq!(explain(&Considered { answer, without_holds: answer, ..NOBODY }), fared, "{start}");
        }
    }
}
