//! Of many boxes around one thing, the best.

use rules::damage::Region;

/// Boxes that are compared with each other. A detector that answers with more is
/// out of its mind, and comparing them all would cost minutes.
const MOST: usize = 2000;

/// A box of some class, by the class's place on the card.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    pub class: usize,
    pub score: f64,
    pub region: Region,
}

/// Non-maximum suppression: walks from the highest score down and drops a box
/// that overlaps a kept one of its class by more than `threshold`. The kept boxes
/// come back in that order.
pub fn suppress(mut candidates: Vec<Candidate>, threshold: f64) -> Vec<Candidate> {
    candidates.sort_by(ranking);
    candidates.truncate(MOST);
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let same =
            |better: &Candidate| better.class == candidate.class && better.region.iou(&candidate.region) > threshold;
        if !kept.iter().any(same) {
            kept.push(candidate);
        }
    }
    kept
}

/// Highest score first; ties by class and place, so that the order never depends on chance.
fn ranking(one: &Candidate, other: &Candidate) -> std::cmp::Ordering {
    let place = |candidate: &Candidate| (candidate.region.x, candidate.region.y);
    let ((x, y), (other_x, other_y)) = (place(one), place(other));
    other
        .score
        .total_cmp(&one.score)
        .then(one.class.cmp(&other.class))
        .then(x.total_cmp(&other_x))
        .then(y.total_cmp(&other_y))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(class: usize, score: f64, x: f64) -> Candidate {
        Candidate { class, score, region: Region::new(x, 0.2, 0.1, 0.1).unwrap() }
    }

    #[test]
    fn of_two_boxes_around_one_thing_the_better_stays() {
        let kept = suppress(vec![candidate(0, 0.6, 0.51), candidate(0, 0.9, 0.5)], 0.5);
        assert_eq!(kept, [candidate(0, 0.9, 0.5)]);
    }

    #[test]
    fn boxes_of_different_classes_stand_beside_each_other() {
        assert_eq!(suppress(vec![candidate(0, 0.6, 0.5), candidate(1, 0.9, 0.5)], 0.5).len(), 2);
    }

    #[test]
    fn boxes_apart_stay() {
        assert_eq!(suppress(vec![candidate(0, 0.6, 0.5), candidate(0, 0.9, 0.58)], 0.5).len(), 2);
    }

    #[test]
    fn the_order_of_the_input_does_not_matter() {
        let boxes = [candidate(0, 0.5, 0.1), candidate(1, 0.5, 0.3), candidate(0, 0.5, 0.7), candidate(0, 0.8, 0.9)];
        let mut reversed = boxes.to_vec();
        reversed.reverse();
        assert_eq!(suppress(boxes.to_vec(), 0.5), suppress(reversed, 0.5));
    }
}
