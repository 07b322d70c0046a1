use rules::damage::{Detection, Finding, Novelty, Overlay, Pickup, compare};

use crate::scene::Change;

/// What came out of all pairs.
#[derive(Default)]
pub(crate) struct Tally {
    pairs: usize,
    laid: usize,
    /// Distances between where a known mark lies and where it was put, in shares of the photo.
    misses: Vec<f64>,
    laid_over: Verdicts,
    by_position: Verdicts,
    detected: Detected,
    strangers: usize,
    strangers_laid: usize,
}

/// What a model's findings say of the marks: new, known, uncertain, and not found; and of what is no mark.
#[derive(Default)]
struct Detected {
    known: [usize; 4],
    pasted: [usize; 4],
    elsewhere: [usize; 4],
}

/// From here on a finding is taken to mean a mark.
const SAME: f64 = 0.3;

/// Known marks and pasted marks, by verdict: new, known, uncertain.
#[derive(Default)]
struct Verdicts {
    known: [usize; 3],
    pasted: [usize; 3],
}

impl Tally {
    pub(crate) fn pair(
        &mut self,
        overlay: Option<Overlay>,
        change: &Change,
        before: &[Detection],
        known: &[Detection],
        pasted: &[Detection],
    ) {
        self.pairs += 1;
        if let Some(overlay) = &overlay {
            self.laid += 1;
            self.misses.extend(known.iter().filter_map(|mark| miss(overlay, change, mark)));
        }
        let pickup = |overlay| Pickup { marks: before.to_vec(), overlay, poor: false };
        self.laid_over.count(&pickup(overlay), known, pasted);
        self.by_position.count(&pickup(None), known, pasted);
    }

    /// What a model finds on a return's photo (`after`), when the pick-up's photo shows it `before`.
    pub(crate) fn seen(
        &mut self,
        overlay: Option<Overlay>,
        before: Vec<Detection>,
        after: &[Detection],
        known: &[Detection],
        pasted: &[Detection],
    ) {
        let findings = compare(after, Some(&Pickup { marks: before, overlay, poor: false }), &[]);
        let means = |finding: &Finding, mark: &Detection| finding.detection.region.iou(&mark.region) >= SAME;
        for (marks, counts) in [(known, &mut self.detected.known), (pasted, &mut self.detected.pasted)] {
            for mark in marks {
                counts[findings.iter().find(|finding| means(finding, mark)).map_or(3, place)] += 1;
            }
        }
        let any = |finding: &&Finding| known.iter().chain(pasted).any(|mark| means(finding, mark));
        findings.iter().filter(|finding| !any(finding)).for_each(|other| self.detected.elsewhere[place(other)] += 1);
    }

    /// Two photos of different cars.
    pub(crate) fn strangers(&mut self, laid: bool, same_origin: bool) {
        if !same_origin {
            self.strangers += 1;
            self.strangers_laid += usize::from(laid);
        }
    }

    pub(crate) fn print(mut self) {
        self.misses.sort_by(f64::total_cmp);
        let part = |share: usize| self.misses.get(self.misses.len() * share / 100).map_or(0.0, |miss| miss * 100.0);
        println!("simulated pairs          {}, laid over each other {}", self.pairs, share(self.laid, self.pairs));
        println!("marks miss their place   by {:.2} % of the photo (median), {:.2} % (95 in 100)", part(50), part(95));
        println!(
            "different cars           {} pairs, wrongly laid over each other {}",
            self.strangers, self.strangers_laid
        );
        self.laid_over.print("laid over each other");
        self.by_position.print("by position alone");
        self.detected.print(self.pairs);
    }
}

impl Verdicts {
    fn count(&mut self, pickup: &Pickup, known: &[Detection], pasted: &[Detection]) {
        for (marks, counts) in [(known, &mut self.known), (pasted, &mut self.pasted)] {
            for finding in compare(marks, Some(pickup), &[]) {
                counts[place(&finding)] += 1;
            }
        }
    }

    fn print(&self, way: &str) {
        for (marks, [new, known, uncertain]) in [("known", self.known), ("pasted", self.pasted)] {
            let all = new + known + uncertain;
            println!(
                "{way:24} {marks:6} marks {all:5}: new {}, uncertain {}, known {}",
                share(new, all),
                share(uncertain, all),
                share(known, all)
            );
        }
    }
}

impl Detected {
    fn print(&self, pairs: usize) {
        if self.known.iter().chain(&self.pasted).all(|count| *count == 0) {
            return;
        }
        for (marks, counts) in [("known", self.known), ("pasted", self.pasted)] {
            let (all, [new, known, uncertain, unseen]) = (counts.iter().sum(), counts);
            println!(
                "by the model             {marks:6} marks {all:5}: new {}, uncertain {}, known {}, not found {}",
                share(new, all),
                share(uncertain, all),
                share(known, all),
                share(unseen, all)
            );
        }
        let [new, known, uncertain, _] = self.elsewhere;
        println!(
            "by the model             elsewhere, in {pairs} pairs: new {new}, uncertain {uncertain}, known {known}"
        );
    }
}

/// New, known, uncertain.
fn place(finding: &Finding) -> usize {
    Novelty::ALL.iter().position(|novelty| *novelty == finding.novelty).unwrap_or_default()
}

fn miss(overlay: &Overlay, change: &Change, mark: &Detection) -> Option<f64> {
    let (x, y) = (mark.region.x + mark.region.width / 2.0, mark.region.y + mark.region.height / 2.0);
    let wanted = change.back.point(x, y)?;
    let placed = overlay.layers.first()?.transform.point(x, y)?;
    Some((wanted.0 - placed.0).hypot(wanted.1 - placed.1))
}

fn share(part: usize, whole: usize) -> String {
    format!("{part} ({:.1} %)", 100.0 * part as f64 / whole.max(1) as f64)
}
