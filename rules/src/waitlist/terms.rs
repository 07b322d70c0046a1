use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

/// How long people may think about an offer (W9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub shortest: TimeDelta,
    pub longest: TimeDelta,
    /// An offer ends so long before the rental starts; when that leaves less than `shortest` there are none.
    pub final_call: TimeDelta,
    /// Local hours in which nobody is expected to read mail: from, to, and when to end instead.
    pub quiet_from: NaiveTime,
    pub quiet_to: NaiveTime,
    pub morning: NaiveTime,
    /// Quiet hours are kept when the start is further away than this.
    pub quiet_beyond: TimeDelta,
}

impl Default for Terms {
    fn default() -> Self {
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).expect("every hour given here is below 24");
        Self {
            shortest: TimeDelta::minutes(20),
            longest: TimeDelta::hours(4),
            final_call: TimeDelta::hours(2),
            quiet_from: hour(22),
            quiet_to: hour(8),
            morning: hour(9),
            quiet_beyond: TimeDelta::hours(24),
        }
    }
}

/// How freed time is given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// To one person, who may accept before this moment.
    Until(DateTime<Utc>),
    /// To whoever books first: there is no time left to ask one after the other.
    FinalCall,
}

/// When an offer made now, for a rental from `start`, ends.
pub fn deadline(now: DateTime<Utc>, start: DateTime<Utc>, zone: Tz, terms: &Terms) -> Deadline {
    let last = start - terms.final_call;
    // Nobody is to be taken for silent who had no time to read their mail.
    if last - now < terms.shortest {
        return Deadline::FinalCall;
    }
    let ttl = ((start - now) / 4).max(terms.shortest).min(terms.longest);
    let expires_at =
        if start - now > terms.quiet_beyond { after_quiet_hours(now + ttl, zone, terms) } else { now + ttl };
    Deadline::Until(expires_at.min(last))
}

/// When to remind of an offer: at half time, if there is an hour or more to think.
pub fn reminder_at(offered_at: DateTime<Utc>, expires_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let ttl = expires_at - offered_at;
    (ttl >= TimeDelta::hours(1)).then(|| offered_at + ttl / 2)
}

fn after_quiet_hours(moment: DateTime<Utc>, zone: Tz, terms: &Terms) -> DateTime<Utc> {
    let local = moment.with_timezone(&zone).naive_local();
    let day = if local.time() >= terms.quiet_from {
        local.date().succ_opt()
    } else if local.time() < terms.quiet_to {
        Some(local.date())
    } else {
        None
    };
    // Where the clock change skips that very hour, the offer just ends at night.
    day.and_then(|day| day.and_time(terms.morning).and_local_timezone(zone).earliest())
        .map_or(moment, |morning| morning.to_utc())
}

#[cfg(test)]
mod tests {
    use chrono::Timelike;
    use proptest::prelude::*;

    use super::*;
    use crate::period::tests::at;

    const BERLIN: Tz = Tz::Europe__Berlin;

    fn until(now: &str, start: &str) -> Deadline {
        deadline(at(now), at(start), BERLIN, &Terms::default())
    }

    #[test]
    fn there_is_a_quarter_of_the_time_left_between_twenty_minutes_and_four_hours() {
        assert_eq!(until("2026-05-04T08:00", "2026-05-04T16:00"), Deadline::Until(at("2026-05-04T10:00")));
        assert_eq!(until("2026-05-04T08:00", "2026-06-04T16:00"), Deadline::Until(at("2026-05-04T12:00")));
    }

    #[test]
    fn nobody_has_less_than_the_shortest_time_to_think() {
        let terms = Terms { shortest: TimeDelta::minutes(45), ..Terms::default() };
        let (now, start) = (at("2026-05-04T08:00"), at("2026-05-04T10:45"));
        assert_eq!(deadline(now, start, BERLIN, &terms), Deadline::Until(at("2026-05-04T08:45")));
    }

    #[test]
    fn without_twenty_minutes_before_the_last_two_hours_the_first_to_book_wins() {
        assert_eq!(until("2026-05-04T14:00", "2026-05-04T16:00"), Deadline::FinalCall);
        assert_eq!(until("2026-05-04T13:41", "2026-05-04T16:00"), Deadline::FinalCall);
        assert_eq!(until("2026-05-04T13:40", "2026-05-04T16:00"), Deadline::Until(at("2026-05-04T14:00")));
    }

    #[test]
    fn nobody_must_answer_at_night_unless_the_start_is_near() {
        // 19:30 in Berlin; four hours later it is 23:30, so tomorrow at 9:00.
        assert_eq!(until("2026-05-04T17:30", "2026-05-08T10:00"), Deadline::Until(at("2026-05-05T07:00")));
        assert_eq!(until("2026-05-04T17:30", "2026-05-05T10:00"), Deadline::Until(at("2026-05-04T21:30")));
        // 02:00 in the night the clocks go forward: 9:00 is 7:00 UTC from that day on.
        assert_eq!(until("2026-03-29T00:00", "2026-04-08T10:00"), Deadline::Until(at("2026-03-29T07:00")));
    }

    #[test]
    fn nine_in_the_morning_is_that_of_the_wall_clock_after_both_changes() {
        // 21:30 in Berlin in the night the clocks go back: 9:00 is 8:00 UTC from that day on.
        assert_eq!(until("2026-10-24T19:30", "2026-11-08T10:00"), Deadline::Until(at("2026-10-25T08:00")));
        // And 21:30 in the night they go forward.
        assert_eq!(until("2026-03-28T20:30", "2026-04-08T10:00"), Deadline::Until(at("2026-03-29T07:00")));
    }

    #[test]
    fn the_morning_is_that_of_the_branch_wherever_it_is() {
        let until = |now, start, zone| deadline(at(now), at(start), zone, &Terms::default());
        // 21:30 in New York in the nights the clocks go forward and back: 9:00 is 13:00, then 14:00 UTC.
        let new_york = Tz::America__New_York;
        assert_eq!(until("2026-03-08T02:30", "2026-04-08T10:00", new_york), Deadline::Until(at("2026-03-08T13:00")));
        assert_eq!(until("2026-11-01T01:30", "2026-11-18T10:00", new_york), Deadline::Until(at("2026-11-01T14:00")));
        // 20:30 on Lord Howe Island, whose clocks change by half an hour, in April back and in October forward.
        let lord_howe = Tz::Australia__Lord_Howe;
        assert_eq!(until("2026-04-04T09:30", "2026-05-08T10:00", lord_howe), Deadline::Until(at("2026-04-04T22:30")));
        assert_eq!(until("2026-10-03T10:00", "2026-11-08T10:00", lord_howe), Deadline::Until(at("2026-10-03T22:00")));
    }

    #[test]
    fn a_reminder_comes_at_half_time_of_longer_offers() {
        let offered_at = at("2026-05-04T10:00");
        assert_eq!(reminder_at(offered_at, at("2026-05-04T14:00")), Some(at("2026-05-04T12:00")));
        assert_eq!(reminder_at(offered_at, at("2026-05-04T10:59")), None);
    }

    proptest! {
        #[test]
        fn a_deadline_lies_ahead_and_leaves_two_hours_before_the_start(
            now in 0i64..525_600, ahead in prop_oneof![100i64..160, -600i64..100_000],
            zone in proptest::sample::select(&[BERLIN, Tz::UTC, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::Asia__Kathmandu][..]),
        ) {
            let now = at("2026-01-01T00:00") + TimeDelta::minutes(now);
            let start = now + TimeDelta::minutes(ahead);
            let terms = Terms::default();
            match deadline(now, start, zone, &terms) {
                Deadline::FinalCall => prop_assert!(start - now < terms.final_call + terms.shortest),
                Deadline::Until(end) => {
                    prop_assert!(now < end && end <= start - terms.final_call);
                    prop_assert!(end - now >= terms.shortest);
                    let hour = end.with_timezone(&zone).hour();
                    let quiet = !(8..22).contains(&hour);
                    prop_assert!(!quiet || start - now <= terms.quiet_beyond || end == start - terms.final_call);
                }
            }
        }
    }
}
