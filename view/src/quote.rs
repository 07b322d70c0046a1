use poem_openapi::Object;
use rules::pricing::{self, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::{Money, Word};

/// What a rental costs, line by line.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    pub lines: Vec<QuoteLine>,
    /// Rental days, a started one counted whole.
    pub days: i64,
    /// The lines together.
    pub subtotal: Money,
    /// Rounded half up on each line.
    pub tax: Money,
    /// Subtotal and tax.
    pub total: Money,
    /// Held, not charged; not part of `total`.
    pub deposit: Money,
    /// What bringing it back late costs, in words.
    pub late_rule: String,
}

/// One line of a quote, before tax.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
pub struct QuoteLine {
    /// `rental_days`, `rental_hours` or `extra_hours`.
    pub code: String,
    /// In words.
    pub description: String,
    pub quantity: i64,
    pub unit: Word<TimeUnit>,
    /// Of the whole line.
    pub amount: Money,
}

impl From<pricing::Quote> for Quote {
    fn from(quote: pricing::Quote) -> Self {
        let line = |line: pricing::Line| QuoteLine {
            code: line.code,
            description: line.description,
            quantity: line.quantity,
            unit: line.unit.into(),
            amount: line.amount.into(),
        };
        Self {
            lines: quote.lines.into_iter().map(line).collect(),
            days: quote.days,
            subtotal: quote.subtotal.into(),
            tax: quote.tax.into(),
            total: quote.total.into(),
            deposit: quote.deposit.into(),
            late_rule: quote.late_rule,
        }
    }
}

impl From<entity::Quote> for Quote {
    fn from(quote: entity::Quote) -> Self {
        quote.0.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_price_is_shown_as_rows_hold_it() -> serde_json::Result<()> {
        let money = |amount: i64| json!({ "amount": amount, "currency": "EUR" });
        let line = |code: &str, quantity: i64, unit: &str, amount: i64| -> Value {
            json!({ "code": code, "description": "In words", "quantity": quantity, "unit": unit, "amount": money(amount) })
        };
        let stored = json!({
            "lines": [line("rental_days", 2, "day", 12_000), line("extra_hours", 1, "hour", 2_000)],
            "days": 3, "subtotal": money(14_000), "tax": money(2_660), "total": money(16_660), "deposit": money(30_000),
            "lateRule": "In words",
        });
        let quote: entity::Quote = serde_json::from_value(stored.clone())?;
        assert_eq!(serde_json::to_value(&quote)?, stored);
        assert_eq!(serde_json::to_value(Quote::from(quote))?, stored);
        Ok(())
    }
}
