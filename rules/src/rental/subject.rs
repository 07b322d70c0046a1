use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// What the subject of the admin's mail about a return says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// So many marks are, or may be, new.
    Review {
        marks: usize,
    },
    Clear,
    /// The model did not run; why, in a few words.
    NotAnalysed {
        reason: &'a str,
    },
    /// The decision is due then, and nobody has made it.
    Due(DateTime<Utc>),
    /// It was due then.
    Overdue(DateTime<Utc>),
}

/// Characters of a car's or a reason's words in a subject, with the mark that they go on.
const LONGEST_WORDS: usize = 60;

/// The subject line: it can be sorted and searched, and says the verdict.
///
/// `car` is plate, make and model; `next_start` is shown in the branch's zone,
/// with the day unless that is the day of `now`.
pub fn subject(
    verdict: Subject<'_>,
    car: &str,
    next_start: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    zone: Tz,
    urgent: bool,
) -> String {
    let (tag, finding) = match verdict {
        Subject::Review { marks: 1 } => ("REVIEW", "1 possible new mark".to_owned()),
        Subject::Review { marks } => ("REVIEW", format!("{marks} possible new marks")),
        Subject::Clear => ("CLEAR?", "nothing found".to_owned()),
        Subject::NotAnalysed { reason } => ("NOT ANALYSED", one_line(reason)),
        Subject::Due(due) => ("REMINDER", format!("to be decided by {}", moment(due, now, zone))),
        Subject::Overdue(due) => ("OVERDUE", format!("was to be decided by {}", moment(due, now, zone))),
    };
    let urgent = if urgent { "URGENT " } else { "" };
    let next = next_start.map_or_else(String::new, |start| format!(" – next rental {}", moment(start, now, zone)));
    format!("{urgent}[Return][{tag}] {} – {finding}{next}", one_line(car))
}

fn moment(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
    let (at, now) = (at.with_timezone(&zone), now.with_timezone(&zone));
    let today = at.date_naive() == now.date_naive();
    at.format(if today { "%H:%M" } else { "%-d %b %H:%M" }).to_string()
}

// A header is one line; what staff typed into a car's fields must not end it. Half of a reason can say its contrary, so
// what is too long ends with a whole one, or at least with a whole word, and a mark that it goes on.
fn one_line(words: &str) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = words.chars().map(blank).collect();
    if line.chars().count() <= LONGEST_WORDS {
        return line;
    }
    let kept: String = line.chars().take(LONGEST_WORDS - 2).collect();
    let end = kept.rfind(';').map(|reason| reason + 1).or_else(|| kept.rfind(' ')).unwrap_or(kept.len());
    format!("{} …", kept[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::tests::at;

    const CAR: &str = "ABC-123 VW Golf";

    fn line(verdict: Subject<'_>, next_start: Option<&str>, urgent: bool) -> String {
        let now = at("2026-05-04T06:00");
        subject(verdict, CAR, next_start.map(at), now, Tz::Europe__Berlin, urgent)
    }

    #[test]
    fn the_subject_says_the_verdict_and_the_next_rental_in_local_time() {
        assert_eq!(
            line(Subject::Review { marks: 2 }, Some("2026-05-04T12:00"), false),
            "[Return][REVIEW] ABC-123 VW Golf – 2 possible new marks – next rental 14:00"
        );
        assert_eq!(line(Subject::Clear, None, false), "[Return][CLEAR?] ABC-123 VW Golf – nothing found");
        assert_eq!(
            line(Subject::NotAnalysed { reason: "no model" }, Some("2026-05-05T12:00"), true),
            "URGENT [Return][NOT ANALYSED] ABC-123 VW Golf – no model – next rental 5 May 14:00"
        );
    }

    #[test]
    fn a_reminder_names_the_moment_by_which_somebody_should_decide() {
        assert_eq!(
            line(Subject::Due(at("2026-05-04T10:00")), None, false),
            "[Return][REMINDER] ABC-123 VW Golf – to be decided by 12:00"
        );
        assert_eq!(
            line(Subject::Overdue(at("2026-05-03T10:00")), Some("2026-05-04T12:00"), true),
            "URGENT [Return][OVERDUE] ABC-123 VW Golf – was to be decided by 3 May 12:00 – next rental 14:00"
        );
    }

    #[test]
    fn what_is_too_long_ends_with_a_whole_reason_or_word_and_a_mark() {
        let reason = |reason| line(Subject::NotAnalysed { reason }, None, false);
        assert_eq!(
            reason("left: there is no photo; right: the model did not answer in time"),
            "[Return][NOT ANALYSED] ABC-123 VW Golf – left: there is no photo; …"
        );
        assert_eq!(
            reason("there are no photos: the customer came at midnight and nobody was there"),
            "[Return][NOT ANALYSED] ABC-123 VW Golf – there are no photos: the customer came at midnight and …"
        );
        assert_eq!(reason(&"x".repeat(70)).chars().filter(|letter| *letter == 'x').count(), LONGEST_WORDS - 2);
    }

    #[test]
    fn nothing_in_it_can_start_a_second_header() {
        let line = line(Subject::NotAnalysed { reason: "x\r\nBcc: a@example.com" }, None, false);
        assert!(!line.contains(['\r', '\n']));
    }
}
