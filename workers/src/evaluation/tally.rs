//! What matters to whoever reads the reports: how much is found, and how often they are alarmed for nothing.

use super::{
    Photo,
    average_precision::{Match, matches},
};

/// A box counts as found from this overlap on.
const OVERLAP: f64 = 0.5;

/// Counts over photos, at one score threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) truths: usize,
    pub(super) hits: usize,
    pub(super) false_alarms: usize,
    /// Photos that show damage, and those of them with any finding.
    pub(super) damaged: usize,
    pub(super) damaged_alarmed: usize,
    /// Photos that show none, and those of them with any finding.
    pub(super) clean: usize,
    pub(super) clean_alarmed: usize,
    /// Findings on photos that show no damage.
    pub(super) clean_alarms: usize,
}

/// Counts what is at or above `threshold`; `class` narrows truths, hits and false alarms to one class.
pub(super) fn tally(photos: &[Photo], threshold: f64, class: Option<usize>) -> Tally {
    let counts = |of: usize| class.is_none_or(|class| class == of);
    let mut sum = Tally::default();
    for photo in photos {
        sum.truths += photo.truths.iter().filter(|truth| counts(truth.class) && !truth.crowd).count();
        for (found, matched) in photo.found.iter().zip(matches(photo, OVERLAP)) {
            if found.score >= threshold && counts(found.class) {
                sum.hits += usize::from(matches!(matched, Some(Match::Hit(_))));
                sum.false_alarms += usize::from(matches!(matched, Some(Match::FalseAlarm)));
            }
        }
        let findings = photo.found.iter().filter(|found| found.score >= threshold).count();
        if !photo.truths.is_empty() {
            sum.damaged += 1;
            sum.damaged_alarmed += usize::from(findings > 0);
        } else if !photo.unmapped {
            sum.clean += 1;
            sum.clean_alarmed += usize::from(findings > 0);
            sum.clean_alarms += findings;
        }
    }
    sum
}

/// The largest share of truths that can be found with at most `allowed` false alarms per photo, and the
/// threshold that does it.
pub(super) fn recall_at(photos: &[Photo], allowed: f64) -> (f64, f64) {
    let mut scored: Vec<(f64, bool)> = Vec::new();
    for photo in photos {
        for (found, matched) in photo.found.iter().zip(matches(photo, OVERLAP)) {
            match matched {
                Some(Match::Hit(_)) => scored.push((found.score, true)),
                Some(Match::FalseAlarm) => scored.push((found.score, false)),
                _ => {}
            }
        }
    }
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    let truths = photos.iter().flat_map(|photo| &photo.truths).filter(|truth| !truth.crowd).count();
    let most = (allowed * photos.len() as f64).floor();
    let (mut hits, mut false_alarms, mut best) = (0.0, 0.0, (0.0, 1.0));
    for (place, (score, hit)) in scored.iter().enumerate() {
        if *hit {
            hits += 1.0
        } else {
            false_alarms += 1.0
        }
        // A threshold cannot part boxes of one score.
        let last_of_its_score = scored.get(place + 1).is_none_or(|next| next.0 < *score);
        if last_of_its_score && false_alarms <= most {
            best = (hits / (truths.max(1) as f64), *score);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::{Found, Truth};
    use super::*;

    const HERE: [f64; 4] = [10.0, 10.0, 20.0, 20.0];
    const THERE: [f64; 4] = [100.0, 10.0, 20.0, 20.0];

    fn photo(truths: usize, found: &[([f64; 4], f64)]) -> Photo {
        let truth = Truth { class: 0, region: HERE, crowd: false };
        let found = found.iter().map(|(region, score)| Found { class: 0, region: *region, score: *score });
        Photo { truths: vec![truth; truths], unmapped: false, found: found.collect() }
    }

    #[test]
    fn findings_on_clean_photos_are_counted_apart() {
        let photos = [photo(1, &[(HERE, 0.9), (THERE, 0.3)]), photo(0, &[(HERE, 0.6), (THERE, 0.55)]), photo(0, &[])];
        let sum = tally(&photos, 0.5, None);
        assert_eq!((sum.truths, sum.hits, sum.false_alarms), (1, 1, 2));
        assert_eq!((sum.damaged, sum.damaged_alarmed), (1, 1));
        assert_eq!((sum.clean, sum.clean_alarmed, sum.clean_alarms), (2, 1, 2));
    }

    #[test]
    fn a_photo_of_damage_without_a_class_is_neither_damaged_nor_clean() {
        let other = Photo { unmapped: true, ..photo(0, &[(HERE, 0.9)]) };
        let both = Photo { unmapped: true, ..photo(1, &[(HERE, 0.9)]) };
        let sum = tally(&[other, both], 0.5, None);
        assert_eq!((sum.damaged, sum.damaged_alarmed), (1, 1));
        assert_eq!((sum.clean, sum.clean_alarmed, sum.clean_alarms), (0, 0, 0));
    }

    #[test]
    fn more_false_alarms_allowed_find_more() {
        let photos = [photo(1, &[(THERE, 0.9), (HERE, 0.5)]), photo(1, &[(HERE, 0.95)])];
        assert_eq!(recall_at(&photos, 0.0), (0.5, 0.95));
        assert_eq!(recall_at(&photos, 0.5), (1.0, 0.5));
    }
}
