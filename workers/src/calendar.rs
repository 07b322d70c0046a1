//! Bookings as iCalendar files (RFC 5545), for the calendars of those who drive.

use chrono::{DateTime, Utc};

/// What a calendar is told to do with the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Publish,
    Cancel,
}

/// One event. A later file with the same `uid` and a higher `sequence` replaces it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) uid: String,
    pub(crate) sequence: i32,
    pub(crate) stamp: DateTime<Utc>,
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) summary: String,
    pub(crate) location: String,
    pub(crate) description: String,
    /// The mail address that the event comes from.
    pub(crate) organizer: String,
}

impl Method {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Publish => "text/calendar; method=PUBLISH; charset=utf-8",
            Self::Cancel => "text/calendar; method=CANCEL; charset=utf-8",
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Publish => ("PUBLISH", "CONFIRMED"),
            Self::Cancel => ("CANCEL", "CANCELLED"),
        }
    }
}

/// The file. Times are in UTC, which every calendar shows on its own clock.
pub(crate) fn file(method: Method, event: &Event) -> String {
    let (method, status) = method.words();
    let moment = |at: DateTime<Utc>| at.format("%Y%m%dT%H%M%SZ").to_string();
    let lines = [
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Forecourt//Bookings//EN".to_owned(),
        format!("METHOD:{method}"),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}", text(&event.uid)),
        format!("SEQUENCE:{}", event.sequence),
        format!("DTSTAMP:{}", moment(event.stamp)),
        format!("DTSTART:{}", moment(event.start)),
        format!("DTEND:{}", moment(event.end)),
        format!("SUMMARY:{}", text(&event.summary)),
        format!("LOCATION:{}", text(&event.location)),
        format!("DESCRIPTION:{}", text(&event.description)),
        format!("ORGANIZER:mailto:{}", text(&event.organizer)),
        format!("STATUS:{status}"),
        "END:VEVENT".to_owned(),
        "END:VCALENDAR".to_owned(),
    ];
    lines.iter().map(|line| folded(line)).collect()
}

fn text(words: &str) -> String {
    words.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
        escaped
    })
}

/// Lines end after 75 bytes and go on behind a space (RFC 5545, 3.1).
fn folded(line: &str) -> String {
    let (mut folded, mut length) = (String::new(), 0);
    for c in line.chars() {
        if length + c.len_utf8() > 75 {
            folded.push_str("\r\n ");
            length = 1;
        }
        folded.push(c);
        length += c.len_utf8();
    }
    folded + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        Event {
            uid: "booking-1@example.com".to_owned(),
            sequence: 1,
            stamp: at(1_777_800_000),
            start: at(1_777_881_600),
            end: at(1_778_140_800),
            summary: "VW Golf; ABC-123, ready".to_owned(),
            location: "Main\\Street\r\nATTENDEE:mailto:all@example.com".to_owned(),
            description: "ä".repeat(100),
            organizer: "rental@example.com".to_owned(),
        }
    }

    #[test]
    fn a_calendar_file_is_made_of_folded_lines_that_words_cannot_break() {
        let file = file(Method::Publish, &event());
        assert!(file.ends_with("END:VCALENDAR\r\n"));
        assert!(file.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])));
        let unfolded = file.replace("\r\n ", "");
        let lines: Vec<_> = unfolded.lines().collect();
        assert!(lines.iter().all(|line| !line.starts_with("ATTENDEE")));
        for line in [
            "METHOD:PUBLISH",
            "STATUS:CONFIRMED",
            "DTSTART:20260504T080000Z",
            "DTEND:20260507T080000Z",
            r"SUMMARY:VW Golf\; ABC-123\, ready",
            r"LOCATION:Main\\Street\nATTENDEE:mailto:all@example.com",
        ] {
            assert!(lines.contains(&line), "{line} is not in {unfolded}");
        }
        assert!(unfolded.contains(&format!("DESCRIPTION:{}", "ä".repeat(100))));
    }

    #[test]
    fn a_cancellation_names_the_same_event() {
        let file = file(Method::Cancel, &Event { sequence: 2, ..event() });
        for line in ["METHOD:CANCEL", "STATUS:CANCELLED", "UID:booking-1@example.com", "SEQUENCE:2"] {
            assert!(file.contains(line), "{line}");
        }
    }
}
