//! Double bookings, by what the clients were told.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{clients::cancels, truth::Truth};
use crate::ledger::{Kind, Wish};

/// A booking that somebody holds a 201 for.
struct Won {
    starts: DateTime<Utc>,
    ends: DateTime<Utc>,
    /// By the clients' clock: when it was told at the earliest.
    told: f64,
    /// From when on it may have given its time back.
    freed: f64,
}

/// Pairs of bookings of one car that overlap, though neither can have ended before the other was told.
pub(super) fn overlaps(wishes: &[Wish], truth: &Truth) -> usize {
    let mut freed: BTreeMap<Uuid, f64> = BTreeMap::new();
    let returns = returns(wishes);
    for wish in wishes {
        let id = cancels(wish).or_else(|| gives_back(wish, &returns));
        if let Some(id) = id {
            let since = freed.entry(id).or_insert(f64::INFINITY);
            *since = since.min(wish.invoked());
        }
    }
    let mut cars: BTreeMap<String, Vec<Won>> = BTreeMap::new();
    for wish in wishes.iter().filter(|wish| wish.kind == Kind::Book) {
        let told = wish.tries.iter().filter(|one| one.status == Some(201));
        let Some(first) =
            told.min_by(|a, b| a.completed.partial_cmp(&b.completed).unwrap_or(std::cmp::Ordering::Equal))
        else {
            continue;
        };
        let asked = &wish.request["body"];
        let (Some(starts), Some(ends)) = (time(&asked["startDate"]), time(&asked["endDate"])) else { continue };
        let id = first.body["id"].as_str().and_then(|id| id.parse::<Uuid>().ok()).unwrap_or_default();
        // One that the platform ended by itself frees its time too; none does within a run.
        let known = truth.bookings.contains_key(&id);
        let freed = freed.get(&id).copied().filter(|_| known).unwrap_or(f64::INFINITY);
        let won = Won { starts, ends, told: first.completed.unwrap_or(f64::INFINITY), freed };
        cars.entry(asked["carId"].to_string()).or_default().push(won);
    }
    cars.into_values().map(clashes).sum()
}

/// A sweep over the bookings of one car by their start: each is compared with those still open.
fn clashes(mut won: Vec<Won>) -> usize {
    won.sort_by_key(|one| one.starts);
    let (mut open, mut found): (Vec<&Won>, usize) = (Vec::new(), 0);
    for one in &won {
        open.retain(|other| other.ends > one.starts);
        // A repeated wish keeps its booking, so whoever was freed before the other was told is no clash.
        found += open.iter().filter(|other| other.freed > one.told && one.freed > other.told).count();
        open.push(one);
    }
    found
}

/// The bookings of the returns that were opened.
fn returns(wishes: &[Wish]) -> BTreeMap<Uuid, Uuid> {
    let opened = wishes.iter().filter(|wish| wish.kind == Kind::OpenReturn);
    let told =
        |wish: &Wish| -> Option<Uuid> { wish.tries.iter().find_map(|one| one.body["returnId"].as_str()?.parse().ok()) };
    opened.filter_map(|wish| Some((told(wish)?, wish.subject()?))).collect()
}

/// The booking that a wish gives back, all at once or by completing its return.
fn gives_back(wish: &Wish, returns: &BTreeMap<Uuid, Uuid>) -> Option<Uuid> {
    let id = wish.subject().filter(|_| wish.kind == Kind::GiveBack)?;
    Some(returns.get(&id).copied().unwrap_or(id))
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(value.as_str()?).ok()?.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn won(from: u32, to: u32, told: f64, freed: f64) -> Won {
        let day = |day| {
            Utc::now().date_naive().and_hms_opt(0, 0, 0).expect("midnight").and_utc() + chrono::TimeDelta::days(day)
        };
        Won { starts: day(from.into()), ends: day(to.into()), told, freed }
    }

    const NEVER: f64 = f64::INFINITY;

    #[test]
    fn two_who_hold_the_same_day_are_found() {
        assert_eq!(clashes(vec![won(1, 3, 0.0, NEVER), won(2, 4, 1.0, NEVER)]), 1);
        assert_eq!(clashes(vec![won(1, 9, 0.0, NEVER), won(2, 3, 1.0, NEVER), won(5, 6, 1.0, NEVER)]), 2);
    }

    #[test]
    fn neighbours_and_the_freed_are_no_clash() {
        assert_eq!(clashes(vec![won(1, 3, 0.0, NEVER), won(3, 4, 1.0, NEVER)]), 0);
        assert_eq!(clashes(vec![won(1, 3, 0.0, 0.5), won(2, 4, 1.0, NEVER)]), 0, "it was called off before");
        assert_eq!(clashes(vec![won(1, 3, 0.0, 2.0), won(2, 4, 1.0, NEVER)]), 1, "it was called off too late");
    }
}
