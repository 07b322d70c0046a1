//! Amounts as people type them.

use rules::{
    damage::LARGEST_AMOUNT,
    money::{Currency, Money},
};

/// An amount as it is typed: `180.00`.
pub(crate) fn decimal(sum: Money) -> String {
    let words = sum.to_string();
    words.split_once(' ').map_or(words.as_str(), |(number, _)| number).to_owned()
}

/// An amount as it is typed (`120`, `120.5`, `120,50`) in minor units. An empty field is no amount.
pub(crate) fn amount(text: &str, currency: Currency) -> Result<Option<view::Money>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let minor = minor_units(text, currency.exponent());
    let minor = minor.filter(|minor| (0..=LARGEST_AMOUNT).contains(minor));
    let minor = minor.ok_or_else(|| {
        let like = decimal(Money::new(1_205 * 10_i64.pow(currency.exponent()) / 10, currency));
        format!("\"{text}\" is not an amount like {like}.")
    })?;
    Ok(Some(view::Money::new(minor, currency.as_str())))
}

fn minor_units(text: &str, exponent: u32) -> Option<i64> {
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > exponent as usize {
        return None;
    }
    format!("{whole}{part:0<width$}", width = exponent as usize).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_amount_is_told_one_of_the_same_currency() {
        for (code, like) in [("EUR", "120.50"), ("JPY", "120"), ("KWD", "120.500")] {
            let currency = Currency::new(code).unwrap();
            assert_eq!(amount("1.2345", currency), Err(format!("\"1.2345\" is not an amount like {like}.")));
        }
    }

    #[test]
    fn an_amount_is_read_without_floating_point() {
        assert_eq!(minor_units("19", 2), Some(1_900));
        assert_eq!(minor_units("19.99", 2), Some(1_999));
        assert_eq!(minor_units("1500", 0), Some(1_500));
        for text in ["-1", "1.234", ".5", "1e3", "12 €", "99999999999999999999"] {
            assert_eq!(minor_units(text, 2), None, "{text}");
        }
    }
}
