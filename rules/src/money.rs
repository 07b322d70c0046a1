//! Money in whole minor units (cents), never in floating point.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An ISO 4217 alphabetic code such as `EUR`; only its form is checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// An amount, for people and for sums; `{"amount":12345,"currency":"EUR"}` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units; negative for what is given back.
    pub amount: i64,
    pub currency: Currency,
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum MoneyRefused {
    #[error("a currency is three capital letters, such as EUR")]
    UnknownCurrency,
    #[error("{0} and {1} cannot be added up")]
    MixedCurrency(Currency, Currency),
    #[error("the amount is too large")]
    Overflow,
}

impl Currency {
    pub const EUR: Self = Self(*b"EUR");

    pub fn new(code: &str) -> Result<Self, MoneyRefused> {
        match code.as_bytes().try_into() {
            Ok(letters) if code.bytes().all(|b| b.is_ascii_uppercase()) => Ok(Self(letters)),
            _ => Err(MoneyRefused::UnknownCurrency),
        }
    }

    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("a currency is made of ASCII letters only")
    }

    /// How many digits stand behind the decimal point (ISO 4217, table A.1).
    pub fn exponent(self) -> u32 {
        match &self.0 {
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            _ => 2,
        }
    }
}

checked_text!(Currency, MoneyRefused);

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Money {
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    pub fn plus(self, other: Self) -> Result<Self, MoneyRefused> {
        self.same_currency(other)?;
        self.with(i128::from(self.amount) + i128::from(other.amount))
    }

    pub fn minus(self, other: Self) -> Result<Self, MoneyRefused> {
        self.same_currency(other)?;
        self.with(i128::from(self.amount) - i128::from(other.amount))
    }

    pub fn times(self, quantity: i64) -> Result<Self, MoneyRefused> {
        self.with(i128::from(self.amount) * i128::from(quantity))
    }

    /// So many hundredths of a percent of it (1900 = 19 %), rounded half up.
    pub fn percent(self, basis_points: u32) -> Result<Self, MoneyRefused> {
        self.portion(basis_points, 10_000)
    }

    /// `part/whole` of it, rounded half up. `whole` must not be 0.
    pub fn portion(self, part: u32, whole: u32) -> Result<Self, MoneyRefused> {
        let whole = i128::from(whole);
        let doubled = 2 * i128::from(self.amount) * i128::from(part) + whole;
        self.with(doubled.div_euclid(2 * whole))
    }

    /// The sum, which is zero of `currency` when there is nothing to add.
    pub fn sum(amounts: impl IntoIterator<Item = Self>, currency: Currency) -> Result<Self, MoneyRefused> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::plus)
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyRefused> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyRefused::MixedCurrency(self.currency, other.currency))
        }
    }

    fn with(self, amount: i128) -> Result<Self, MoneyRefused> {
        match i64::try_from(amount) {
            Ok(amount) => Ok(Self { amount, ..self }),
            Err(_) => Err(MoneyRefused::Overflow),
        }
    }
}

/// `123.45 EUR`: unambiguous in any language.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.exponent() as usize;
        let unit = 10_u64.pow(self.currency.exponent());
        let (whole, rest) = (self.amount.unsigned_abs() / unit, self.amount.unsigned_abs() % unit);
        let sign = if self.amount < 0 { "-" } else { "" };
        match digits {
            0 => write!(f, "{sign}{whole} {}", self.currency),
            _ => write!(f, "{sign}{whole}.{rest:0digits$} {}", self.currency),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn eur(amount: i64) -> Money {
        Money::new(amount, Currency::EUR)
    }

    #[test]
    fn money_on_the_wire_is_minor_units_and_a_code() {
        let json = r#"{"amount":12345,"currency":"EUR"}"#;
        assert_eq!(serde_json::to_string(&eur(12_345)).unwrap(), json);
        assert_eq!(serde_json::from_str::<Money>(json).unwrap(), eur(12_345));
        assert!(serde_json::from_str::<Money>(r#"{"amount":1,"currency":"eur"}"#).is_err());
        assert!(serde_json::from_str::<Money>(r#"{"amount":1.5,"currency":"EUR"}"#).is_err());
    }

    #[test]
    fn half_a_cent_is_rounded_up() {
        assert_eq!(eur(50).percent(1_900), Ok(eur(10)));
        assert_eq!(eur(49).percent(1_900), Ok(eur(9)));
        assert_eq!(eur(100).portion(1, 3), Ok(eur(33)));
    }

    #[test]
    fn currencies_do_not_mix_and_sums_do_not_wrap() {
        let dollar = Money::new(1, Currency::new("USD").unwrap());
        assert!(matches!(eur(1).plus(dollar), Err(MoneyRefused::MixedCurrency(..))));
        assert_eq!(eur(i64::MAX).plus(eur(1)), Err(MoneyRefused::Overflow));
        assert_eq!(eur(i64::MIN).times(-1), Err(MoneyRefused::Overflow));
    }

    #[test]
    fn money_is_written_with_the_digits_of_its_currency() {
        assert_eq!(eur(-5).to_string(), "-0.05 EUR");
        assert_eq!(Money::new(1_200, Currency::new("JPY").unwrap()).to_string(), "1200 JPY");
        assert_eq!(Money::new(1_200, Currency::new("KWD").unwrap()).to_string(), "1.200 KWD");
    }

    proptest! {
        #[test]
        fn what_is_added_can_be_taken_away(a in any::<i32>(), b in any::<i32>()) {
            let (a, b) = (eur(a.into()), eur(b.into()));
            prop_assert_eq!(a.plus(b).unwrap().minus(b).unwrap(), a);
        }

        #[test]
        fn a_percentage_is_within_half_a_unit(amount in any::<i32>(), basis_points in 0u32..10_000) {
            let rounded = eur(amount.into()).percent(basis_points).unwrap().amount;
            let exact = i64::from(amount) * i64::from(basis_points);
            prop_assert!((rounded * 10_000 - exact).abs() <= 5_000);
        }
    }
}
