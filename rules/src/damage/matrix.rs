use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Class, Finding, Novelty, Panel, Severity, WearCharged};
use crate::money::{Currency, Money};

/// From here on the model is sure enough for a suggestion; what it is less sure of is for people alone.
const CONFIDENT: f64 = 0.5;

/// Minor units; a repair that costs more is no line of a table.
const LARGEST_AMOUNT: i64 = 10_000_000;

/// What one kind of damage usually costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixLine {
    /// `None`: any panel that has no line of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<Panel>,
    pub class: Class,
    pub severity: Severity,
    /// Minor units of the matrix's currency.
    pub amount: i64,
}

/// The price list of damage, as it stood in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    pub version: i32,
    pub currency: Currency,
    pub lines: Vec<MatrixLine>,
}

/// Why a line cannot stand in a matrix.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LineRefused {
    #[error("an amount is from 0 to {LARGEST_AMOUNT} minor units")]
    Amount,
    #[error(transparent)]
    Wear(#[from] WearCharged),
    #[error("stands for the same panel, class and severity as a line before it")]
    Twice,
}

/// What to suggest to the person who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub severity: Severity,
    /// What the matrix says, where it has a line.
    pub estimate: Option<Money>,
}

impl Matrix {
    /// What such damage usually costs: the panel's own line, or else the one for any panel. Without a panel it is
    /// the one that the class is always on.
    pub fn estimate(&self, panel: Option<Panel>, class: Class, severity: Severity) -> Option<Money> {
        let panel = panel.or_else(|| class.panel());
        let line =
            |panel| self.lines.iter().find(|line| (line.panel, line.class, line.severity) == (panel, class, severity));
        let line = line(panel).or_else(|| line(None))?;
        Some(Money::new(line.amount, self.currency))
    }

    /// Severity and estimate of a finding; `None` sends it to manual review without any number, because
    /// the model is not sure of it or it may have been there before.
    pub fn suggestion(&self, finding: &Finding) -> Option<Suggestion> {
        let found = &finding.detection;
        let sure = finding.novelty == Novelty::New && found.score >= CONFIDENT;
        sure.then(|| {
            let severity = Severity::suggested(found.class, found.region.area());
            Suggestion { severity, estimate: self.estimate(found.panel, found.class, severity) }
        })
    }
}

/// What is wrong with the lines of a matrix, each with its place from 0.
pub fn refused(lines: &[MatrixLine]) -> Vec<(usize, LineRefused)> {
    let key = |line: &MatrixLine| (line.panel, line.class, line.severity);
    let wrong = |(at, line): (usize, &MatrixLine)| {
        if !(0..=LARGEST_AMOUNT).contains(&line.amount) {
            return Some((at, LineRefused::Amount));
        }
        if let Err(wear) = line.severity.charge(line.amount) {
            return Some((at, wear.into()));
        }
        lines[..at].iter().any(|before| key(before) == key(line)).then_some((at, LineRefused::Twice))
    };
    lines.iter().enumerate().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::damage::{Basis, Detection, Region, Side};

    fn line(panel: Option<Panel>, severity: Severity, amount: i64) -> MatrixLine {
        MatrixLine { panel, class: Class::Scratch, severity, amount }
    }

    fn matrix() -> Matrix {
        let lines = vec![line(None, Severity::Minor, 18_000), line(Some(Panel::Bumper), Severity::Minor, 12_000)];
        Matrix { version: 1, currency: Currency::EUR, lines }
    }

    fn finding(score: f64, novelty: Novelty) -> Finding {
        let region = Region::new(0.1, 0.1, 0.1, 0.1).unwrap();
        let detection = Detection { side: Side::Left, class: Class::Scratch, score, region, panel: None };
        Finding { detection, novelty, basis: Basis::Overlay, reason: String::new(), before: None }
    }

    #[test]
    fn a_panel_with_a_line_of_its_own_costs_that_and_any_other_the_usual() {
        let amount = |panel| matrix().estimate(panel, Class::Scratch, Severity::Minor).map(|money| money.amount);
        assert_eq!(amount(Some(Panel::Bumper)), Some(12_000));
        assert_eq!(amount(Some(Panel::Door)), Some(18_000));
        assert_eq!(amount(None), Some(18_000));
        assert_eq!(matrix().estimate(None, Class::Dent, Severity::Minor), None);
    }

    #[test]
    fn a_class_that_is_always_on_one_panel_costs_what_that_panel_costs() {
        let lamp = |panel, amount| MatrixLine { class: Class::LampBroken, ..line(panel, Severity::Moderate, amount) };
        let lines = vec![lamp(None, 30_000), lamp(Some(Panel::Lamp), 45_000)];
        let matrix = Matrix { lines, ..matrix() };
        let amount = |panel| matrix.estimate(panel, Class::LampBroken, Severity::Moderate).map(|money| money.amount);
        assert_eq!(amount(None), Some(45_000));
        assert_eq!(amount(Some(Panel::Mirror)), Some(30_000), "a person who names another panel is right");
    }

    #[test]
    fn what_the_model_is_not_sure_of_gets_no_number() {
        let estimate = Some(Money::new(18_000, Currency::EUR));
        let suggestion = Suggestion { severity: Severity::Minor, estimate };
        assert_eq!(matrix().suggestion(&finding(0.5, Novelty::New)), Some(suggestion));
        assert_eq!(matrix().suggestion(&finding(0.49, Novelty::New)), None);
        assert_eq!(matrix().suggestion(&finding(0.9, Novelty::Uncertain)), None);
        assert_eq!(matrix().suggestion(&finding(0.9, Novelty::Known)), None);
    }

    #[test]
    fn no_two_lines_stand_for_the_same_and_none_is_negative() {
        let lines = [line(None, Severity::Minor, 1), line(None, Severity::Minor, 2), line(None, Severity::Severe, -1)];
        assert_eq!(refused(&lines), [(1, LineRefused::Twice), (2, LineRefused::Amount)]);
        assert_eq!(refused(&matrix().lines), []);
    }
}
