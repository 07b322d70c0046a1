//! What a rental costs, line by line, and the same again years later.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::money::{Money, MoneyRefused};
use crate::period::Period;

/// What a customer may be late before anything is counted (Hertz, Enterprise).
pub const GRACE: TimeDelta = TimeDelta::minutes(29);

/// Up to here extra time is counted by the hour, then it is a day (Enterprise).
pub const EXTRA_HOURS: TimeDelta = TimeDelta::minutes(150);

/// Told with every quote, before anybody is late.
pub const LATE_RULE: &str = "Up to 29 minutes late is free. After that each started hour costs a third \
    of the day's price, and from 2 1/2 hours on each started day costs a day.";

/// What a price depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    pub period: Period,
    /// Of the branch: days are counted on its wall clock.
    pub zone: Tz,
    pub price_per_day: Money,
    /// For a rental plan that also sells hours.
    pub price_per_hour: Option<Money>,
    /// Hundredths of a percent: 1900 is 19 %.
    pub tax_basis_points: u32,
    /// How many days' price is held until the car is back.
    pub deposit_days: i64,
}

/// Value-added tax where no other rate is configured: 19 %, the rate of the first branch's country.
pub const TAX_BASIS_POINTS: u32 = 1_900;

/// The deposit in days where the class names none: dearer cars take more, and it fits every currency.
pub const DEPOSIT_DAYS: i64 = 5;

impl Facts {
    /// What is priced when nothing but the car's daily price is known.
    pub fn usual(period: Period, zone: Tz, price_per_day: Money) -> Self {
        let (tax_basis_points, deposit_days) = (TAX_BASIS_POINTS, DEPOSIT_DAYS);
        Self { period, zone, price_per_day, price_per_hour: None, tax_basis_points, deposit_days }
    }
}

words! {
    pub enum TimeUnit {
        Day = "day",
        Hour = "hour",
    }
}

/// One line of a quote, before tax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// `rental_days`, `rental_hours` or `extra_hours`.
    pub code: String,
    pub description: String,
    pub quantity: i64,
    pub unit: TimeUnit,
    /// Of the whole line.
    pub amount: Money,
}

/// A price with everything it is made of; stored with the booking as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    pub lines: Vec<Line>,
    /// Rental days, a started one counted whole.
    pub days: i64,
    pub subtotal: Money,
    /// Rounded half up on each line.
    pub tax: Money,
    pub total: Money,
    /// Held, not charged; not part of `total`.
    pub deposit: Money,
    pub late_rule: String,
}

impl Quote {
    /// The line of whole days; a rental by the hour has none.
    fn rental_days(&self) -> Option<&Line> {
        self.lines.iter().find(|line| line.code == RENTAL_DAYS && line.quantity > 0)
    }

    /// The daily price that was agreed, before tax.
    pub fn price_per_day(&self) -> Option<Money> {
        let days = self.rental_days()?;
        Some(Money { amount: days.amount.amount / days.quantity, ..days.amount })
    }

    /// What one day of it costs with its share of the tax.
    pub fn day(&self) -> Option<Money> {
        let days = self.rental_days().filter(|_| self.subtotal.amount > 0)?;
        let whole = i128::from(self.subtotal.amount) * i128::from(days.quantity);
        let doubled = 2 * i128::from(self.total.amount) * i128::from(days.amount.amount) + whole;
        let amount = i64::try_from(doubled.div_euclid(2 * whole)).ok()?;
        Some(Money { amount: amount.min(self.total.amount), ..self.total })
    }
}

/// The code of the line that counts whole days.
const RENTAL_DAYS: &str = "rental_days";

/// The price of a rental: of all ways to count it, the cheapest.
pub fn quote(facts: &Facts) -> Result<Quote, MoneyRefused> {
    let span = Span::of(facts.period, facts.zone);
    let mut candidates = vec![by_days(span, facts)?];
    candidates.extend(by_days_and_thirds(span, facts)?);
    candidates.extend(by_days_and_hours(span, facts)?);

    let currency = facts.price_per_day.currency;
    let mut priced = Vec::with_capacity(candidates.len());
    for lines in candidates {
        let subtotal = Money::sum(lines.iter().map(|line| line.amount), currency)?;
        priced.push((subtotal, lines));
    }
    // The first of equals: whole days read best.
    let (subtotal, lines) = priced.into_iter().min_by_key(|(subtotal, _)| subtotal.amount).expect("days always apply");

    let mut tax = Money::zero(currency);
    for line in &lines {
        tax = tax.plus(line.amount.percent(facts.tax_basis_points)?)?;
    }
    Ok(Quote {
        lines,
        days: span.started_days(),
        subtotal,
        tax,
        total: subtotal.plus(tax)?,
        deposit: facts.price_per_day.times(facts.deposit_days)?,
        late_rule: LATE_RULE.to_owned(),
    })
}

/// Rental days on the wall clock of a zone, a started one counted whole.
pub fn rental_days(period: Period, zone: Tz) -> i64 {
    Span::of(period, zone).started_days()
}

/// The length of a rental as the clock on the branch's wall shows it.
#[derive(Clone, Copy)]
struct Span {
    whole_days: i64,
    rest: TimeDelta,
}

impl Span {
    fn of(period: Period, zone: Tz) -> Self {
        let wall = |moment: DateTime<Utc>| moment.with_timezone(&zone).naive_local();
        // In the hour that is lived twice the wall clock can run backwards.
        let length = (wall(period.end) - wall(period.start)).max(TimeDelta::zero());
        let whole_days = length.num_days();
        Self { whole_days, rest: length - TimeDelta::days(whole_days) }
    }

    /// What counts beyond the whole days; within the grace nothing does.
    fn counted_rest(self) -> TimeDelta {
        if self.whole_days > 0 && self.rest <= GRACE { TimeDelta::zero() } else { self.rest }
    }

    fn started_days(self) -> i64 {
        let started = i64::from(self.counted_rest() > TimeDelta::zero());
        (self.whole_days + started).max(1)
    }

    fn started_hours(self) -> i64 {
        (self.counted_rest().num_seconds() + 3_599) / 3_600
    }
}

fn by_days(span: Span, facts: &Facts) -> Result<Vec<Line>, MoneyRefused> {
    Ok(vec![days(span.started_days(), facts)?])
}

/// A little beyond the last whole day costs a third of a day per started hour.
fn by_days_and_thirds(span: Span, facts: &Facts) -> Result<Option<Vec<Line>>, MoneyRefused> {
    let hours = span.started_hours();
    if span.whole_days == 0 || hours == 0 || span.rest > EXTRA_HOURS {
        return Ok(None);
    }
    let amount = facts.price_per_day.times(hours)?.portion(1, 3)?;
    let extra = line("extra_hours", "Extra hours at a third of the day's price", hours, TimeUnit::Hour, amount);
    Ok(Some(vec![days(span.whole_days, facts)?, extra]))
}

fn by_days_and_hours(span: Span, facts: &Facts) -> Result<Option<Vec<Line>>, MoneyRefused> {
    let hours = span.started_hours();
    let Some(price) = facts.price_per_hour.filter(|_| hours > 0) else {
        return Ok(None);
    };
    let mut lines = Vec::new();
    if span.whole_days > 0 {
        lines.push(days(span.whole_days, facts)?);
    }
    lines.push(line("rental_hours", "Rental by the hour", hours, TimeUnit::Hour, price.times(hours)?));
    Ok(Some(lines))
}

fn days(quantity: i64, facts: &Facts) -> Result<Line, MoneyRefused> {
    let amount = facts.price_per_day.times(quantity)?;
    Ok(line(RENTAL_DAYS, "Rental by the day", quantity, TimeUnit::Day, amount))
}

fn line(code: &str, description: &str, quantity: i64, unit: TimeUnit, amount: Money) -> Line {
    Line { code: code.to_owned(), description: description.to_owned(), quantity, unit, amount }
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, NaiveDateTime, TimeZone};
    use proptest::prelude::*;

    use super::*;
    use crate::money::Currency;
    use crate::period::tests::{any_period, period};

    const BERLIN: Tz = Tz::Europe__Berlin;

    fn eur(amount: i64) -> Money {
        Money::new(amount, Currency::EUR)
    }

    fn facts(period: Period) -> Facts {
        Facts {
            period,
            zone: BERLIN,
            price_per_day: eur(6_000),
            price_per_hour: None,
            tax_basis_points: 1_900,
            deposit_days: DEPOSIT_DAYS,
        }
    }

    fn subtotal(start: &str, end: &str) -> i64 {
        quote(&facts(period(start, end))).unwrap().subtotal.amount
    }

    #[test]
    fn a_night_is_one_day_and_so_is_a_morning() {
        assert_eq!(subtotal("2026-05-04T08:00", "2026-05-05T08:00"), 6_000);
        assert_eq!(subtotal("2026-05-04T08:00", "2026-05-04T10:00"), 6_000);
    }

    #[test]
    fn a_weekend_across_a_clock_change_is_one_day_per_wall_clock_day() {
        // Saturday 10:00 to Sunday 10:00 in Berlin: 23 hours in spring, 25 in autumn.
        assert_eq!(subtotal("2026-03-28T09:00", "2026-03-29T08:00"), 6_000);
        assert_eq!(subtotal("2026-10-24T08:00", "2026-10-25T09:00"), 6_000);
    }

    #[test]
    fn a_little_more_than_a_day_is_free_then_hours_then_a_day() {
        assert_eq!(subtotal("2026-05-04T08:00", "2026-05-05T08:29"), 6_000);
        assert_eq!(subtotal("2026-05-04T08:00", "2026-05-05T08:30"), 8_000);
        assert_eq!(subtotal("2026-05-04T08:00", "2026-05-05T09:30"), 10_000);
        assert_eq!(subtotal("2026-05-04T08:00", "2026-05-05T10:30"), 12_000);
        assert_eq!(subtotal("2026-05-04T08:00", "2026-05-05T10:31"), 12_000);
    }

    #[test]
    fn the_cheapest_way_to_count_wins() {
        let morning = facts(period("2026-05-04T08:00", "2026-05-04T10:00"));
        let hourly = Facts { price_per_hour: Some(eur(1_000)), ..morning };
        let dear = Facts { price_per_hour: Some(eur(5_000)), ..morning };

        assert_eq!(quote(&hourly).unwrap().subtotal, eur(2_000));
        assert_eq!(quote(&dear).unwrap().subtotal, eur(6_000));
    }

    #[test]
    fn a_quote_is_a_snapshot_in_the_words_of_the_contract() {
        let quote = quote(&facts(period("2026-05-04T08:00", "2026-05-06T08:00"))).unwrap();
        let json = serde_json::to_value(&quote).unwrap();

        assert_eq!(json["lines"][0]["code"], "rental_days");
        assert_eq!(json["lines"][0]["quantity"], 2);
        assert_eq!(json["tax"]["amount"], 2_280);
        assert_eq!(json["total"]["amount"], 14_280);
        assert_eq!(json["deposit"]["amount"], 30_000);
        assert!(json["lateRule"].is_string());
        assert_eq!(serde_json::from_value::<Quote>(json).unwrap(), quote);
    }

    #[test]
    fn a_day_is_a_day_whatever_hours_were_added() {
        let of = |end: &str| quote(&facts(period("2026-05-04T08:00", end))).unwrap();
        for end in ["2026-05-04T10:00", "2026-05-06T08:00", "2026-05-06T09:00", "2026-05-14T08:00"] {
            assert_eq!((of(end).day(), of(end).price_per_day()), (Some(eur(7_140)), Some(eur(6_000))), "{end}");
        }
    }

    #[test]
    fn an_absurd_price_is_refused_instead_of_wrapping() {
        let absurd = Facts { price_per_day: eur(i64::MAX), ..facts(period("2026-05-04T08:00", "2026-05-06T08:00")) };
        assert_eq!(quote(&absurd), Err(MoneyRefused::Overflow));
    }

    prop_compose! {
        fn any_wall_clock_time()(day in 0i64..365, hour in 3u32..24, minute in 0u32..60) -> NaiveDateTime {
            let date = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + TimeDelta::days(day);
            date.and_hms_opt(hour, minute, 0).unwrap()
        }
    }

    proptest! {
        #[test]
        fn from_one_time_to_the_same_time_days_later_is_that_many_days(
            start in any_wall_clock_time(), days in 1i64..30,
        ) {
            let utc = |wall: NaiveDateTime| BERLIN.from_local_datetime(&wall).single().unwrap().to_utc();
            let rental = Period::new(utc(start), utc(start + TimeDelta::days(days))).unwrap();
            prop_assert_eq!(rental_days(rental, BERLIN), days);
        }

        #[test]
        fn a_total_is_the_sum_of_what_is_shown(rental in any_period(), hourly in 1i64..9_000) {
            let quote = quote(&Facts { price_per_hour: Some(eur(hourly)), ..facts(rental) }).unwrap();
            let lines = Money::sum(quote.lines.iter().map(|line| line.amount), Currency::EUR).unwrap();
            prop_assert_eq!(quote.subtotal, lines);
            prop_assert_eq!(quote.total, quote.subtotal.plus(quote.tax).unwrap());
            prop_assert!(quote.subtotal.amount > 0);
            prop_assert!(quote.subtotal.amount <= quote.days * 6_000);
        }
    }
}
