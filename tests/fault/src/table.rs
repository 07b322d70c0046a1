//! The tables at the end, as Markdown.

use std::fmt::Write;

use crate::run::Report;

const HEAD: &str = "\
| row | scenario | seed | tries | ok | no | unknown | recovered | lost | lost effect | phantom | overlap | dup effect | mail ids | double booked | wrong status | miscounted | dead | stuck | lifeless | again | mail repeats | recovery s | dispatch s | taken back s | rerun s | holds |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
";

/// One line per scenario.
#[must_use]
pub fn scenarios(reports: &[Report]) -> String {
    let mut text = HEAD.to_owned();
    for report in reports {
        text.push_str(&line(report));
    }
    text
}

fn line(report: &Report) -> String {
    let counts = &report.counts;
    let seconds = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
    let mut line = format!("| {} | {} | {} |", report.row, report.name, report.seed);
    let plain = [counts.tries, counts.ok, counts.no, counts.unknown, counts.recovered];
    let zero = counts.must_be_zero().map(|(_, count)| count);
    for count in plain.into_iter().chain(zero).chain([counts.again, counts.mail_repeats]) {
        let _ = write!(line, " {count} |");
    }
    let verdict = if counts.holds() { "yes".to_owned() } else { format!("NO: {}", counts.complaints().join("; ")) };
    let notes = report.notes.iter().map(|note| format!(" ({note})")).collect::<String>();
    for value in [counts.recovery, counts.dispatch, counts.taken_back, counts.rerun] {
        let _ = write!(line, " {} |", seconds(value));
    }
    let _ = writeln!(line, " {verdict}{notes} |");
    line
}

/// One line per mutant: which scenarios noticed it, and by what.
#[must_use]
pub fn mutants(found: &[(String, Report)]) -> String {
    let mut text = "| protection removed | scenario | noticed by |\n|---|---|---|\n".to_owned();
    for (mutant, report) in found {
        let by = match report.counts.holds() {
            true => "**not noticed**".to_owned(),
            false => report.counts.complaints().join("; "),
        };
        let _ = writeln!(text, "| {mutant} | {} {} | {by} |", report.row, report.name);
    }
    text
}
