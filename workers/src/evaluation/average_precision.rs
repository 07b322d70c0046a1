//! Average precision as COCO counts it, to the last step of its reference implementation:
//! greedy matching per photo and class, at most 100 boxes each, 101 points of recall.

use super::{Found, Photo, Truth, overlap};

/// Boxes of one class on one photo that count.
const MOST: usize = 100;

/// What one reported box came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// It is the truth with this place in the photo's list.
    Hit(usize),
    /// It is part of a crowd and does not count.
    Ignored,
    FalseAlarm,
}

/// Matches what was found on a photo with what is there, class by class, best score first.
///
/// Gives one match per found box, in the order of `photo.found`; `None` for those beyond the
/// first hundred of their class.
pub(super) fn matches(photo: &Photo, least_overlap: f64) -> Vec<Option<Match>> {
    let mut taken = vec![false; photo.truths.len()];
    // Crowds last: a real thing is preferred.
    let mut order: Vec<usize> = (0..photo.truths.len()).collect();
    order.sort_by_key(|place| photo.truths[*place].crowd);
    let mut seen = std::collections::HashMap::<usize, usize>::new();
    let mut of = |found: &Found| {
        let count = seen.entry(found.class).or_default();
        *count += 1;
        (*count <= MOST).then(|| one(found, &photo.truths, &order, &mut taken, least_overlap))
    };
    photo.found.iter().map(&mut of).collect()
}

fn one(found: &Found, truths: &[Truth], order: &[usize], taken: &mut [bool], least_overlap: f64) -> Match {
    let mut best = least_overlap.min(1.0 - 1e-10);
    let mut matched = None;
    for place in order.iter().copied().filter(|place| truths[*place].class == found.class) {
        let truth = &truths[place];
        if taken[place] && !truth.crowd {
            continue;
        }
        if truth.crowd && matched.is_some() {
            break;
        }
        let overlap = overlap(&found.region, truth);
        if overlap >= best {
            best = overlap;
            matched = Some(place);
        }
    }
    match matched {
        Some(place) if truths[place].crowd => Match::Ignored,
        Some(place) => {
            taken[place] = true;
            Match::Hit(place)
        }
        None => Match::FalseAlarm,
    }
}

/// Average precision of one class, 0 to 1; `None` when the class is nowhere.
pub(super) fn average_precision(photos: &[Photo], class: usize, least_overlap: f64) -> Option<f64> {
    let truths = photos.iter().flat_map(|photo| &photo.truths).filter(|truth| truth.class == class && !truth.crowd);
    let truths = truths.count();
    if truths == 0 {
        return None;
    }
    let mut scored: Vec<(f64, bool)> = Vec::new();
    for photo in photos {
        for (found, matched) in photo.found.iter().zip(matches(photo, least_overlap)) {
            match matched {
                Some(Match::Hit(_)) if found.class == class => scored.push((found.score, true)),
                Some(Match::FalseAlarm) if found.class == class => scored.push((found.score, false)),
                _ => {}
            }
        }
    }
    // Stable, so that equal scores stay in the order of the photos.
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    Some(area(&scored, truths))
}

/// The area under the curve of precision over recall, precision made to fall only.
fn area(scored: &[(f64, bool)], truths: usize) -> f64 {
    let mut hits = 0.0;
    let mut curve: Vec<(f64, f64)> = Vec::with_capacity(scored.len());
    for (place, (_, hit)) in scored.iter().enumerate() {
        hits += f64::from(u8::from(*hit));
        curve.push((hits / truths as f64, hits / (place + 1) as f64));
    }
    for place in (1..curve.len()).rev() {
        curve[place - 1].1 = curve[place - 1].1.max(curve[place].1);
    }
    let precision_at = |recall: f64| {
        let place = curve.partition_point(|(reached, _)| *reached < recall);
        curve.get(place).map_or(0.0, |(_, precision)| *precision)
    };
    // Multiplied, not divided: the reference rounds that way, and a recall may lie on a point exactly.
    (0..=100).map(|point| precision_at(f64::from(point) * 0.01)).sum::<f64>() / 101.0
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// Random boxes and what pycocotools 2.0.11 says about them; see `models/train/agree.py`.
    #[derive(Deserialize)]
    struct Fixture {
        photos: Vec<FixturePhoto>,
        /// Per class, at an overlap of 0.5.
        ap50: Vec<f64>,
        /// Per class, mean over overlaps from 0.5 to 0.95.
        ap: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct FixturePhoto {
        /// Class, box, crowd.
        truths: Vec<(usize, [f64; 4], bool)>,
        /// Class, box, score.
        found: Vec<(usize, [f64; 4], f64)>,
    }

    #[test]
    fn pycocotools_says_the_same() {
        let fixture: Fixture = serde_json::from_str(include_str!("fixture.json")).unwrap();
        let photos: Vec<Photo> = fixture.photos.into_iter().map(photo).collect();
        for (class, (ap50, ap)) in fixture.ap50.iter().zip(&fixture.ap).enumerate() {
            let ours = average_precision(&photos, class, 0.5).unwrap();
            assert!((ours - ap50).abs() < 1e-9, "class {class}: {ours} is not {ap50}");
            let ours = (0..10).map(|step| average_precision(&photos, class, 0.5 + 0.05 * f64::from(step)).unwrap());
            let ours = ours.sum::<f64>() / 10.0;
            assert!((ours - ap).abs() < 1e-9, "class {class}: {ours} is not {ap}");
        }
    }

    fn photo(one: FixturePhoto) -> Photo {
        let truth = |(class, region, crowd)| Truth { class, region, crowd };
        let mut found: Vec<Found> =
            one.found.into_iter().map(|(class, region, score)| Found { class, region, score }).collect();
        found.sort_by(|one, other| other.score.total_cmp(&one.score));
        Photo { truths: one.truths.into_iter().map(truth).collect(), found, unmapped: false }
    }

    #[test]
    fn a_class_that_is_nowhere_has_no_precision() {
        let found = vec![Found { class: 1, region: [0.0, 0.0, 1.0, 1.0], score: 0.9 }];
        assert_eq!(average_precision(&[Photo { truths: vec![], found, unmapped: false }], 1, 0.5), None);
    }

    #[test]
    fn a_thing_is_hit_once_and_the_second_box_on_it_is_a_false_alarm() {
        let region = [10.0, 10.0, 20.0, 20.0];
        let found = |score| Found { class: 0, region, score };
        let truths = vec![Truth { class: 0, region, crowd: false }];
        let photo = Photo { truths, found: vec![found(0.9), found(0.8)], unmapped: false };
        assert_eq!(matches(&photo, 0.5), [Some(Match::Hit(0)), Some(Match::FalseAlarm)]);
    }
}
