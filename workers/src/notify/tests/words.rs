//! What the same news says where things stand otherwise.

use std::collections::HashSet;

use chrono::TimeDelta;
use rules::damage::CaseState;

use super::*;
use crate::notify::facts::{Before, Claimed, Waiting};

fn returned(returned: Returned) -> Facts {
    Facts::Return(Box::new(returned))
}

fn booking(rental: Rental) -> Facts {
    Facts::Booking(Box::new(rental))
}

#[test]
fn no_news_borrows_the_words_of_another() {
    let (mut titles, mut subjects) = (HashSet::new(), HashSet::new());
    for news in News::ALL.iter().copied() {
        let notice = notice(news, &facts(news, "Kim Example"));
        assert_ne!(notice.message, format!("{}.", notice.title), "{news} has no words of its own");
        assert!(titles.insert(notice.title), "{news}");
        assert!(!news.is_mailed() || subjects.insert(mail(news).subject), "{news}");
    }
}

#[test]
fn who_was_added_hears_as_what_and_by_whom_and_not_what_customers_do() {
    for text in said(News::AccountRegistered, &Facts::Account(sample::mechanic())) {
        assert!(text.contains("Alex Example has added you") && text.contains("an account as mechanic"), "{text}");
        assert!(!text.contains("book a car") && !text.contains("the password you chose"), "{text}");
    }
}

#[test]
fn nobody_is_promised_a_look_at_photos_that_do_not_exist() {
    let reason = Some("the phone was empty".to_owned());
    let not_analysed = Some("there are no photos: the phone was empty".to_owned());
    let report = Report { not_analysed, ..Report::default() };
    let without = Returned { without_photos: reason, ..sample::returned(report) };
    for text in said(News::ReturnReported, &returned(without.clone())) {
        assert!(text.contains("Please look at the car and decide"), "{text}");
    }
    let without = returned(without);
    for text in said(News::ReturnReceived, &without) {
        assert!(text.contains("so a person looks at the car itself. You hear from us"), "{text}");
        assert!(!text.contains("looks at the photos"), "{text}");
    }
    assert!(notice(News::ReturnReceived, &without).message.ends_with("A person looks at it."));
    let no_baseline = Returned { shots: vec![], ..sample::returned(sample::report()) };
    for text in said(News::ReturnReceived, &returned(no_baseline)) {
        assert!(text.contains("There are none of the pick-up to compare them with."), "{text}");
    }
}

#[test]
fn a_return_that_was_decided_meanwhile_is_not_looked_at_any_more() {
    let decided = returned(Returned { verdict: Some(Verdict::Clear), ..sample::damaged() });
    for text in said(News::ReturnReceived, &decided) {
        assert!(text.contains("A person has looked at it since."), "{text}");
    }
    assert!(notice(News::ReturnReceived, &decided).message.ends_with("A person has looked at it."));
}

#[test]
fn the_end_of_waiting_says_why() {
    let closed = || sample::waiting(&sample::entry(EntryState::Closed), "Kim Example");
    for (waiting, words) in [
        (closed(), "Nothing became free in time"),
        (Waiting { was_offered: true, ..closed() }, "Your wish can no longer be met"),
        (Waiting { was_offered: true, retired: true, ..closed() }, "The car has left our fleet"),
    ] {
        let entry = Facts::Entry(Box::new(waiting));
        let mail = render::mail(News::WaitlistClosed, &entry, &sample::recipient(pictures())).unwrap();
        assert!(mail.subject.starts_with(words), "{}", mail.subject);
        for text in said(News::WaitlistClosed, &entry) {
            assert!(text.contains(words), "{text}");
            let all = ["Nothing became free", "Your wish can no longer", "has left our fleet"];
            assert_eq!(all.iter().filter(|other| text.contains(**other)).count(), 1, "{text}");
        }
    }
}

#[test]
fn a_next_rental_concerns_customers_when_it_is_near() {
    let rental = || sample::changed(BookingStatus::Active, "Kim Example");
    let mut far = rental();
    far.next.as_mut().unwrap().starts.at += TimeDelta::days(90);
    for news in [News::ReturnDueSoon, News::ReturnOverdue] {
        for text in said(news, &booking(rental())) {
            assert!(text.contains("It is booked again from Thu 7 May 2026, 18:00 CEST."), "{text}");
        }
        for text in said(news, &booking(far.clone())) {
            assert!(!text.contains("booked again"), "{text}");
        }
    }
}

#[test]
fn another_car_after_a_change_that_was_not_told_tells_both() {
    let mut rental = sample::moved("Kim Example");
    for text in said(News::BookingMoved, &booking(rental.clone())) {
        assert!(text.contains("Instead of: VW Polo, ABC-99. The price stays 214.20 EUR."), "{text}");
    }
    let before = Before { ends: sample::when("2026-05-06T08:00"), same_terms: false, ..rental.before.unwrap() };
    rental.before = Some(before);
    for text in said(News::BookingMoved, &booking(rental)) {
        assert!(text.contains("as they were after the last change") && text.contains("Wed 6 May 2026"), "{text}");
        assert!(!text.contains("price stays"), "{text}");
    }
}

#[test]
fn the_subject_of_a_settlement_says_what_is_asked_for() {
    let settled = |change: fn(Claimed) -> Claimed| {
        let settled = sample::settled();
        let case = settled.case.clone().map(change);
        let facts = returned(Returned { case, ..settled });
        render::mail(News::DamageSettled, &facts, &sample::recipient(pictures())).unwrap().subject
    };
    assert!(settled(|case| case).starts_with("The amount for the damage is lower now: "));
    assert!(settled(|case| Claimed { reduced: false, ..case }).starts_with("The amount for the damage stands: "));
    assert!(settled(|case| Claimed { owed: false, ..case }).starts_with("Nothing is asked for the damage: "));
}

#[test]
fn a_damage_is_told_while_it_is_asked_for() {
    let now = sample::at("2026-05-14T09:40");
    let told = |news, state| {
        let damaged = sample::damaged();
        let case = damaged.case.clone().map(|case| Claimed { state, ..case });
        returned(Returned { case, ..damaged }).outdated(news, 0, now).is_none()
    };
    assert!(told(News::DamageConfirmed, CaseState::Confirmed) && told(News::DamageConfirmed, CaseState::Notified));
    assert!(!told(News::DamageConfirmed, CaseState::Waived), "it was let go meanwhile");
    assert!(told(News::DamageUntold, CaseState::Confirmed));
    assert!(!told(News::DamageUntold, CaseState::Notified), "staff have told them");
}

#[test]
fn a_final_call_is_none_when_the_time_is_taken() {
    let waiting = sample::waiting(&sample::entry(EntryState::Waiting), "Kim Example");
    let taken = Facts::Entry(Box::new(Waiting { is_bookable: false, ..waiting }));
    assert!(taken.outdated(News::FinalCall, 0, sample::at("2026-05-07T09:40")).is_some());
}

#[test]
fn a_car_that_only_waits_to_be_cleared_is_not_missing_in_the_subject_either() {
    let rental = Rental { is_withheld: true, ..sample::changed(BookingStatus::Confirmed, "Kim Example") };
    let mail = render::mail(News::ConflictUnresolved, &booking(rental), &sample::recipient(pictures())).unwrap();
    assert!(mail.subject.starts_with("[Call] Not cleared for BK-7F3K2Q"), "{}", mail.subject);
}
