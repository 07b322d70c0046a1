use rules::{
    damage::CaseState,
    money::{Currency, Money},
    rental::ReturnState,
};
use uuid::Uuid;

use super::{report, returned, when};
use crate::notify::{
    facts::{Claimed, Item, Returned},
    word::Sum,
};

fn claimed(state: CaseState) -> Claimed {
    let sum = |amount| Sum(Money::new(amount, Currency::EUR));
    let answered = !matches!(state, CaseState::Confirmed | CaseState::Notified);
    let settled = answered && state != CaseState::Disputed;
    Claimed {
        id: Uuid::from_u128(0xd),
        state,
        estimate: sum(18_000),
        owed: true,
        amount: sum(if state == CaseState::Reduced { 9_000 } else { 18_000 }),
        respond_by: Some(when("2026-05-14T09:30")),
        dispute: answered.then(|| "It was there when I got the car.".to_owned()).into_iter().collect(),
        photos: if answered { 2 } else { 0 },
        settlement: settled.then(|| "Half of it was there before.".to_owned()).into_iter().collect(),
        settled_by: settled.then(|| "Robin Example".to_owned()),
        reduced: state == CaseState::Reduced,
        unanswered: false,
        is_settled: settled,
    }
}

/// The same return after a person confirmed one of the marks.
pub(in crate::notify) fn damaged() -> Returned {
    let scratch = report().findings.swap_remove(0);
    Returned {
        state: ReturnState::Decided,
        verdict: Some(rules::rental::Verdict::Damage),
        note: vec!["It was not there when you left.".to_owned(), "The workshop looks at it on Monday.".to_owned()],
        decided_by: Some("Alex Example".to_owned()),
        items: vec![Item {
            number: 1,
            side: "left".to_owned(),
            panel: Some("door".to_owned()),
            class: "scratch".to_owned(),
            severity: "minor".to_owned(),
            note: Some("about 20 cm, through the paint".to_owned()),
            estimate: Some(Sum(Money::new(18_000, Currency::EUR))),
            uncharged: false,
            photo_id: Some(scratch.photo_id),
            region: Some(scratch.region),
        }],
        case: Some(claimed(CaseState::Notified)),
        ..returned(report())
    }
}

/// The mail that tells of it came back.
pub(in crate::notify) fn untold() -> Returned {
    Returned { case: Some(claimed(CaseState::Confirmed)), ..damaged() }
}

/// The customer sees it differently.
pub(in crate::notify) fn disputed() -> Returned {
    Returned { case: Some(claimed(CaseState::Disputed)), ..damaged() }
}

/// A person has decided the dispute.
pub(in crate::notify) fn settled() -> Returned {
    Returned { case: Some(claimed(CaseState::Reduced)), ..damaged() }
}
