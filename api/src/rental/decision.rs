//! What a person says about a returned car, from the contract or from the page.

use entity::rental_return;
use jobs::rental::DecideReturn;
use poem_openapi::Object;
use rules::{
    damage::{Class, LARGEST_AMOUNT, Panel, Severity, Side},
    money::{Currency, Money},
    rental::Verdict,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use view::Word;

use crate::{account::Reasons, error::ApiError, words::straight};

/// A person's decision.
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(rename = "DecisionRequest", deny_unknown_fields)]
pub(crate) struct Decide {
    pub(crate) verdict: Word<Verdict>,
    /// With `damage`: what is confirmed, at least one.
    #[oai(default, validator(max_items = 100))]
    pub(crate) findings: Vec<Item>,
    /// Required with `damage` and `more_photos`; the customer reads it.
    #[oai(validator(max_length = 2000))]
    pub(crate) note: Option<String>,
}

/// One confirmed damage.
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(rename = "DecisionItem", deny_unknown_fields)]
pub(crate) struct Item {
    /// Of the finding in the report, which then says what is left out here. Without it, it is
    /// something that the model did not see, and side, class and severity are required. Each number once.
    pub(crate) number: Option<i32>,
    pub(crate) side: Option<Word<Side>>,
    /// Left out, it is the one that the class is always on, such as the lamp of `lamp_broken`, or none.
    pub(crate) panel: Option<Word<Panel>>,
    pub(crate) class: Option<Word<Class>>,
    pub(crate) severity: Option<Word<Severity>>,
    #[oai(validator(max_length = 300))]
    pub(crate) note: Option<String>,
    /// In the currency of the booking, at most 100,000,000 minor units. None, or 0, with the severity `cosmetic`: fair
    /// wear is never charged. On a side without a pick-up photo it is written down and not asked for.
    pub(crate) estimate: Option<view::Money>,
}

impl Decide {
    /// The job that carries it out. `currency` is that of the booking.
    ///
    /// # Errors
    /// `validation_failed` with everything that is missing.
    pub(crate) fn job(
        self,
        rental_return: &rental_return::Model,
        currency: Currency,
        decided_by: Uuid,
        via_link: bool,
    ) -> Result<DecideReturn, ApiError> {
        let mut wrong = Reasons::default();
        let verdict = self.verdict.0;
        let note = self.note.map(|note| straight(&note)).filter(|note| !note.is_empty());
        if verdict != Verdict::Clear && note.is_none() {
            wrong.add("/note", "A note is required with this verdict.");
        }
        if (verdict == Verdict::Damage) == self.findings.is_empty() {
            let words = "At least one finding is confirmed with the verdict damage, and none with another.";
            wrong.add("/findings", words);
        }
        let priced = self.findings.iter().enumerate().filter_map(|(at, item)| Some((at, item.estimate.as_ref()?)));
        let fits =
            |money: &view::Money| (0..=LARGEST_AMOUNT).contains(&money.amount) && money.currency == currency.as_str();
        for (at, _) in priced.filter(|(_, money)| !fits(money)) {
            let most = Money::new(LARGEST_AMOUNT, currency);
            wrong.add(&format!("/findings/{at}/estimate"), format!("must be 0 or more, and at most {most}"));
        }
        if !wrong.is_empty() {
            return Err(wrong.into_error());
        }
        let findings = self.findings.into_iter().map(Item::into_value).collect();
        Ok(DecideReturn { return_id: rental_return.id, decided_by, via_link, verdict, findings, note })
    }
}

impl Item {
    /// As the job carries it: what is left out is not there, an estimate is in minor units.
    fn into_value(self) -> Value {
        let mut item = Map::new();
        let mut add = |name: &str, value: Option<Value>| value.map(|value| item.insert(name.to_owned(), value));
        add("number", self.number.map(Value::from));
        add("side", self.side.map(|side| json!(side)));
        add("panel", self.panel.map(|panel| json!(panel)));
        add("class", self.class.map(|class| json!(class)));
        add("severity", self.severity.map(|severity| json!(severity)));
        add("note", self.note.map(|note| Value::from(straight(&note))));
        add("estimate", self.estimate.map(|money| money.amount.into()));
        Value::Object(item)
    }
}
