//! How a small house with a waitlist behaves, on a page.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::CARS;

/// Days from noon to noon, counted in hours so that the turnaround shows.
pub(super) type Days = (i64, i64);

fn clash(a: Days, b: Days) -> bool {
    a.0 * 24 < b.1 * 24 + 1 && b.0 * 24 < a.1 * 24 + 1
}

fn overlap(a: Days, b: Days) -> bool {
    a.0 < b.1 && b.0 < a.1
}

#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) id: Uuid,
    pub(super) person: usize,
    pub(super) target: usize,
    pub(super) days: Days,
    pub(super) place: usize,
    pub(super) state: &'static str,
    pub(super) missed: u32,
    pub(super) declined: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    pub(super) entry: usize,
    pub(super) car: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) entries: Vec<Waiting>,
    pub(super) offers: Vec<Live>,
    pub(super) bookings: Vec<(Uuid, usize, usize, Days)>,
    pub(super) paused: [bool; CARS],
    places: usize,
}

impl Model {
    pub(super) fn is_free(&self, car: usize, days: Days) -> bool {
        let booked = self.bookings.iter().any(|(_, of, _, taken)| *of == car && clash(*taken, days));
        let held = self.offers.iter().any(|offer| offer.car == car && clash(self.entries[offer.entry].days, days));
        !booked && !held
    }

    pub(super) fn place(&mut self) -> usize {
        self.places += 1;
        self.places
    }

    /// Everybody in order, once.
    pub(super) fn promote(&mut self, car: usize) {
        if self.paused[car] {
            return;
        }
        let mut queue: Vec<usize> = (0..self.entries.len()).filter(|n| self.entries[*n].state == "waiting").collect();
        queue.sort_by_key(|n| self.entries[*n].place);
        for n in queue {
            let it = &self.entries[n];
            let thinks = |offer: &Live| {
                let other = &self.entries[offer.entry];
                other.person == it.person && overlap(other.days, it.days)
            };
            let asked_elsewhere = self.offers.iter().any(thinks);
            if self.suits(it, car) && !asked_elsewhere {
                self.offers.push(Live { entry: n, car });
                self.entries[n].state = "offered";
            }
        }
    }

    pub(super) fn joins(&mut self, id: Uuid, person: usize, target: usize, days: Days) {
        let free = (0..CARS).any(|car| (target == car || target == CARS) && self.is_free(car, days));
        let active = |it: &&Waiting| it.person == person && matches!(it.state, "waiting" | "offered");
        let alike = self.entries.iter().filter(active).any(|it| it.target == target && overlap(it.days, days));
        if free || alike || self.entries.iter().filter(active).count() >= 5 {
            return;
        }
        let (place, declined) = (self.place(), BTreeSet::new());
        self.entries.push(Waiting { id, person, target, days, place, state: "waiting", missed: 0, declined });
        if target < CARS {
            self.promote(target);
        }
    }

    pub(super) fn end(&mut self, nth: usize, state: &'static str) -> Live {
        let live = self.offers.remove(nth);
        self.entries[live.entry].state = state;
        live
    }

    /// The cars that could serve what else the person of an offer waits for, who is free to be asked again.
    pub(super) fn chances(&self, live: Live) -> Vec<usize> {
        let ended = &self.entries[live.entry];
        let mut others: Vec<usize> = (0..self.entries.len()).filter(|n| *n != live.entry).collect();
        others.sort_by_key(|n| self.entries[*n].place);
        let others = others.into_iter().map(|n| &self.entries[n]);
        let others =
            others.filter(|it| it.person == ended.person && it.state == "waiting" && overlap(it.days, ended.days));
        others.filter_map(|it| (0..CARS).find(|car| self.suits(it, *car)).filter(|car| *car != live.car)).collect()
    }

    fn suits(&self, it: &Waiting, car: usize) -> bool {
        let wanted = it.target == car || it.target == CARS;
        wanted && !self.paused[car] && self.is_free(car, it.days) && !it.declined.contains(&car)
    }

    pub(super) fn promote_each(&mut self, cars: impl IntoIterator<Item = usize>) {
        cars.into_iter().for_each(|car| self.promote(car));
    }
}
