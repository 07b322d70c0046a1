//! What can happen on a day, at random.

use proptest::prelude::*;

use super::{CARS, PEOPLE};

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// `target` is a car, or the class when there is no such car.
    Join {
        person: usize,
        target: usize,
        from: i64,
        days: i64,
    },
    Book {
        person: usize,
        car: usize,
        from: i64,
        days: i64,
    },
    Cancel(usize),
    Accept(usize),
    Decline(usize),
    Silence(usize),
    /// So many hours pass: every offer whose deadline comes meanwhile is left unanswered.
    Pass {
        hours: i64,
    },
    Leave(usize),
    Pause {
        car: usize,
        paused: bool,
    },
    /// The clock's round.
    PromoteAll,
}

fn any_op() -> impl Strategy<Value = Op> {
    let (person, car, from, days) = (0..PEOPLE, 0..CARS, 0i64..5, 1i64..4);
    prop_oneof![
        6 => (person.clone(), 0..=CARS, from.clone(), days.clone())
            .prop_map(|(person, target, from, days)| Op::Join { person, target, from, days }),
        5 => (person, car.clone(), from, days).prop_map(|(person, car, from, days)| Op::Book { person, car, from, days }),
        4 => (0usize..3).prop_map(Op::Cancel),
        2 => (0usize..2).prop_map(Op::Accept),
        4 => (0usize..2).prop_map(Op::Decline),
        3 => (0usize..2).prop_map(Op::Silence),
        3 => (1i64..6).prop_map(|hours| Op::Pass { hours }),
        1 => (0usize..8).prop_map(Op::Leave),
        1 => (car, any::<bool>()).prop_map(|(car, paused)| Op::Pause { car, paused }),
        1 => Just(Op::PromoteAll),
    ]
}

/// Both cars are taken and people wait; then anything happens.
pub(super) fn any_days() -> impl Strategy<Value = Vec<Op>> {
    let taken = [0, 1].map(|car| Op::Book { person: car, car, from: 0, days: 6 }).to_vec();
    let joins = (0..PEOPLE, 0..=CARS, 0i64..5, 1i64..3);
    let joins = joins.prop_map(|(person, target, from, days)| Op::Join { person, target, from, days });
    (Just(taken), proptest::collection::vec(joins, 4..12), proptest::collection::vec(any_op(), 10..40))
        .prop_map(|(taken, joins, ops)| [taken, joins, ops].concat())
}
