//! What the person who decides filled in, read into a decision or into words about what is missing.

use jobs::rental::DecideReturn;
use rules::{
    damage::{Class, Matrix, Panel, Severity, Side},
    money::{Currency, Money},
    rental::Verdict,
};
use view::rental::Finding;

use super::amount::{amount, decimal};
use crate::{
    form::Form,
    rental::decision::{Decide, Item},
    words::{MARK, NOTE, straight, written},
};

/// Rows for marks that the model did not see.
pub(super) const EXTRA_ROWS: usize = 3;
const EXTRA_PARTS: [&str; 6] = ["side", "panel", "class", "note", "severity", "amount"];

/// What the form of a review says.
impl Form {
    /// Whether a finding's box is ticked.
    pub(super) fn finding(&self, number: i32) -> bool {
        self.ticked("finding", &number.to_string())
    }

    /// Whether somebody filled in anything of the rows for further marks.
    pub(super) fn has_extras(&self) -> bool {
        (0..EXTRA_ROWS).any(|row| self.has_extra(row))
    }

    fn has_extra(&self, row: usize) -> bool {
        EXTRA_PARTS.iter().any(|part| !self.extra(row, part).is_empty())
    }

    pub(super) fn extra(&self, row: usize, part: &str) -> &str {
        self.text(&format!("extra-{row}-{part}"))
    }

    /// The same form with the amounts of the matrix for the panels and severities that are chosen in it, and none for
    /// what is never charged. What the matrix has no line for stays as it was typed.
    pub(super) fn estimated(&self, findings: &[Finding], matrix: &Matrix) -> Self {
        let mut form = self.clone();
        for finding in findings {
            let class = finding.class.parse().unwrap_or(Class::Other);
            form.estimate(matrix, class, |part| format!("{part}-{}", finding.number));
        }
        for row in 0..EXTRA_ROWS {
            if let Ok(class) = self.extra(row, "class").parse() {
                form.estimate(matrix, class, |part| format!("extra-{row}-{part}"));
            }
        }
        form
    }

    /// The form that a decision came from.
    pub(super) fn of_decision(decided: &DecideReturn, currency: Currency) -> Self {
        let mut fields = vec![
            ("verdict".to_owned(), decided.verdict.to_string()),
            ("note".to_owned(), decided.note.clone().unwrap_or_default()),
        ];
        let mut rows = 0..EXTRA_ROWS;
        for item in &decided.findings {
            let number = item["number"].as_i64();
            fields.extend(number.map(|number| ("finding".to_owned(), number.to_string())));
            let extra = if number.is_none() { rows.next() } else { None };
            let field = |part: &str| match number {
                Some(number) => format!("{part}-{number}"),
                None => format!("extra-{}-{part}", extra.unwrap_or(EXTRA_ROWS)),
            };
            for part in ["side", "panel", "class", "note", "severity"] {
                fields.push((field(part), item[part].as_str().unwrap_or_default().to_owned()));
            }
            let sum = item["estimate"].as_i64().map(|sum| decimal(Money::new(sum, currency)));
            fields.push((field("amount"), sum.unwrap_or_default()));
        }
        Self::of(fields)
    }

    fn estimate(&mut self, matrix: &Matrix, class: Class, field: impl Fn(&str) -> String) {
        let Ok(severity) = self.text(&field("severity")).parse() else { return };
        let panel = self.text(&field("panel")).parse().ok();
        match matrix.estimate(panel, class, severity) {
            _ if severity == Severity::Cosmetic => self.set(field("amount"), String::new()),
            Some(sum) => self.set(field("amount"), decimal(sum)),
            None => {}
        }
    }

    /// The decision, or every reason why it cannot be taken like this.
    pub(super) fn decision(&self, findings: &[Finding], currency: Currency) -> Result<Decide, Vec<String>> {
        let mut wrong = Vec::new();
        let verdict = self.text("verdict").parse().unwrap_or_else(|_| {
            wrong.push("Please choose one of the three buttons.".to_owned());
            Verdict::Clear
        });
        let note = Some(straight(self.text("note"))).filter(|note| !note.is_empty());
        if verdict != Verdict::Clear && note.is_none() {
            wrong.push("A note is required.".to_owned());
        }
        if let Some(Err(must)) = note.as_deref().map(|note| written(note, &NOTE)) {
            wrong.push(format!("The note {must}."));
        }
        let items = if verdict == Verdict::Damage { self.items(findings, currency, &mut wrong) } else { Vec::new() };
        if verdict == Verdict::Damage && items.is_empty() && wrong.is_empty() {
            wrong.push("Tick at least one finding, or add what you see.".to_owned());
        }
        if wrong.is_empty() { Ok(Decide { verdict: verdict.into(), findings: items, note }) } else { Err(wrong) }
    }

    fn items(&self, findings: &[Finding], currency: Currency, wrong: &mut Vec<String>) -> Vec<Item> {
        let ticked = findings.iter().filter(|finding| self.finding(finding.number));
        let seen: Vec<_> = ticked.map(|finding| self.seen(finding, currency)).collect();
        let added = (0..EXTRA_ROWS).filter_map(|row| self.added(row, currency));
        let mut items = Vec::new();
        for item in seen.into_iter().chain(added) {
            match item {
                Ok(item) => items.push(item),
                Err(words) => wrong.push(words),
            }
        }
        items
    }

    fn seen(&self, finding: &Finding, currency: Currency) -> Result<Item, String> {
        let number = finding.number;
        let severity = severity(self.text(&format!("severity-{number}")), &format!("finding {number}"))?;
        Ok(Item {
            number: Some(number),
            side: Some(Side::from(finding.side.0).into()),
            panel: panel(self.text(&format!("panel-{number}"))),
            class: Some(finding.class.parse().unwrap_or(Class::Other).into()),
            severity: Some(severity.into()),
            note: None,
            estimate: estimate(self.text(&format!("amount-{number}")), severity, currency)
                .map_err(|words| format!("Finding {number}: {words}"))?,
        })
    }

    fn added(&self, row: usize, currency: Currency) -> Option<Result<Item, String>> {
        self.has_extra(row)
            .then(|| self.extra_item(row, currency).map_err(|words| format!("Added mark {}: {words}", row + 1)))
    }

    fn extra_item(&self, row: usize, currency: Currency) -> Result<Item, String> {
        let side: Side = self.extra(row, "side").parse().map_err(|_| "please choose its side.")?;
        let class: Class = self.extra(row, "class").parse().map_err(|_| "please choose its kind.")?;
        let note = self.extra(row, "note");
        if note.is_empty() {
            return Err("please say where it is and what it looks like.".to_owned());
        }
        let note = written(note, &MARK).map_err(|must| format!("what you say of it {must}."))?;
        let severity = severity(self.extra(row, "severity"), "it")?;
        Ok(Item {
            number: None,
            side: Some(side.into()),
            panel: panel(self.extra(row, "panel")),
            class: Some(class.into()),
            severity: Some(severity.into()),
            note: Some(note),
            estimate: estimate(self.extra(row, "amount"), severity, currency)?,
        })
    }
}

fn severity(word: &str, of: &str) -> Result<Severity, String> {
    word.parse().map_err(|_| format!("Please choose the severity of {of}."))
}

/// Whoever names no panel says nothing about it.
fn panel(word: &str) -> Option<view::Word<Panel>> {
    word.parse::<Panel>().ok().map(Into::into)
}

/// What is asked for a mark as bad as that.
fn estimate(text: &str, severity: Severity, currency: Currency) -> Result<Option<view::Money>, String> {
    let money = amount(text, currency)?;
    severity.charge(money.as_ref().map_or(0, |money| money.amount)).map_err(|wear| format!("{wear}."))?;
    Ok(money)
}

#[cfg(test)]
mod tests {
    use rules::damage::MatrixLine;

    use super::*;
    use crate::review::sample::{finding, sheet};

    fn decide(body: &str) -> Result<Decide, Vec<String>> {
        Form::parse(body.as_bytes()).decision(&[finding(1, "new"), finding(2, "new")], Currency::EUR)
    }

    #[test]
    fn a_clean_return_needs_one_press_of_a_button() {
        assert_eq!(decide("verdict=clear").map(|decide| decide.verdict.0), Ok(Verdict::Clear));
    }

    #[test]
    fn ticked_findings_and_added_marks_become_items() {
        let body = "verdict=damage&note=Seen&finding=2&panel-2=mirror&severity-2=moderate&amount-2=120,5\
                    &extra-1-side=roof&extra-1-class=dirt&extra-1-note=Paint&extra-1-severity=minor";
        let items = decide(body).map(|decide| decide.findings).unwrap_or_default();
        assert_eq!(items.len(), 2);
        assert_eq!((items[0].panel, items[1].panel), (Some(Panel::Mirror.into()), None));
        assert_eq!((items[0].number, items[0].severity), (Some(2), Some(Severity::Moderate.into())));
        assert_eq!(items[0].estimate.as_ref().map(|money| money.amount), Some(12_050));
        assert_eq!((items[1].side, items[1].estimate.clone()), (Some(Side::Roof.into()), None));
    }

    #[test]
    fn a_decision_that_was_refused_later_is_the_same_form_again() {
        let body = "verdict=damage&note=Seen&finding=2&panel-2=mirror&severity-2=moderate&amount-2=120.50\
                    &extra-1-side=roof&extra-1-class=dirt&extra-1-note=Paint&extra-1-severity=minor";
        let findings = [finding(1, "new"), finding(2, "new")];
        let decided = decide(body).unwrap();
        let job = decided.clone().job(&sheet().rental_return, Currency::EUR, uuid::Uuid::nil(), true).unwrap();
        let again = Form::of_decision(&job, Currency::EUR).decision(&findings, Currency::EUR);
        assert_eq!(again, Ok(decided));
    }

    #[test]
    fn the_matrix_fills_in_what_it_has_a_line_for() {
        let line = |panel, class, amount| MatrixLine { panel, class, severity: Severity::Minor, amount };
        let lines = vec![
            line(None, Class::GlassShatter, 40_000),
            line(Some(Panel::Mirror), Class::GlassShatter, 15_050),
            line(Some(Panel::Door), Class::Dent, 30_000),
        ];
        let matrix = Matrix { version: 1, currency: Currency::EUR, lines };
        let form = Form::parse(
            b"panel-1=mirror&severity-1=minor&amount-1=1&severity-2=severe&amount-2=7\
              &severity-3=cosmetic&amount-3=9\
              &extra-0-class=dent&extra-0-panel=door&extra-0-severity=minor&extra-1-severity=minor",
        );
        let filled = form.estimated(&[finding(1, "new"), finding(2, "new"), finding(3, "new")], &matrix);
        assert_eq!(filled.text("amount-3"), "", "fair wear is never charged");
        assert_eq!((filled.text("amount-1"), filled.text("amount-2")), ("150.50", "7"));
        assert_eq!((filled.extra(0, "amount"), filled.extra(1, "amount")), ("300.00", ""));
    }

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        let wrong = decide("verdict=damage&finding=1&severity-1=bad&extra-0-class=dent").unwrap_err();
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        let long = "x".repeat(2_001);
        assert_eq!(
            decide(&format!("verdict=clear&note={long}")).unwrap_err(),
            ["The note must have 1 to 2000 letters."]
        );
        let extra = "verdict=damage&note=x&extra-0-side=roof&extra-0-class=dirt&extra-0-severity=minor&extra-0-note=";
        assert_eq!(decide(&format!("{extra}{}", &long[..301])).unwrap_err().len(), 1);
        let wear = "verdict=damage&note=x&finding=1&severity-1=cosmetic&amount-1=5";
        assert_eq!(decide(wear).unwrap_err()[0].split_once(':').unwrap().0, "Finding 1");
        for part in ["side=roof", "panel=door", "severity=minor"] {
            let dropped = format!("verdict=damage&note=x&finding=1&severity-1=minor&extra-2-{part}");
            assert!(decide(&dropped).unwrap_err()[0].starts_with("Added mark 3: "), "{part}");
        }
        assert_eq!(decide("verdict=damage&note=x").unwrap_err().len(), 1);
        assert_eq!(decide("verdict=more_photos").unwrap_err().len(), 1);
        assert_eq!(decide("verdict=charge").unwrap_err().len(), 1);
    }
}
