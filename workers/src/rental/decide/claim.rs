//! What a person confirms as damage: an item of the report, or something only people saw.

use std::collections::BTreeSet;

use jobs::Refusal;
use rules::{
    damage::{Class, LARGEST_AMOUNT, Panel, Severity, Side},
    problem,
};
use serde_json::Value;
use view::{
    damage::DamageCaseItem,
    rental::{Finding, Report},
};

/// Characters of a note.
const LONGEST_NOTE: usize = 2_000;

/// Reads everything that is confirmed, or tells everything that is wrong with it.
pub(super) fn read(items: &[Value], note: Option<&str>, report: &Report) -> Result<Vec<DamageCaseItem>, Refusal> {
    let refusal = Refusal::new(problem::VALIDATION_FAILED.code, "The decision is not complete.");
    let mut reader = Reader { report, numbers: BTreeSet::new(), refusal };
    if note.is_none_or(|note| note.trim().is_empty()) {
        reader.wrong("/note", "say in a few words what was found");
    }
    if items.is_empty() {
        reader.wrong("/findings", "name at least one damage");
    }
    let claims: Vec<_> = items.iter().enumerate().filter_map(|(at, item)| reader.claim(at, item)).collect();
    if reader.refusal.errors.is_empty() { Ok(claims) } else { Err(reader.refusal) }
}

struct Reader<'a> {
    report: &'a Report,
    /// Of the findings that are confirmed so far.
    numbers: BTreeSet<i32>,
    refusal: Refusal,
}

impl Reader<'_> {
    fn wrong(&mut self, pointer: &str, message: &str) {
        self.refusal = self.refusal.clone().because(pointer, message);
    }

    fn claim(&mut self, at: usize, item: &Value) -> Option<DamageCaseItem> {
        let place = format!("/findings/{at}");
        let number = self.number(&place, item);
        let found = number.and_then(|number| self.found(&place, number));
        let side = self.word::<Side>(&place, item, "side", found.as_ref().map(|found| found.side.0.as_str()));
        let class = self.word::<Class>(&place, item, "class", found.as_ref().map(|found| found.class.as_str()));
        let panel = self.panel(&place, item, class);
        let suggested = found.as_ref().and_then(|found| found.suggested_severity.as_deref());
        let severity = self.word::<Severity>(&place, item, "severity", suggested);
        let estimate = self.estimate(&place, item, severity);
        let note = self.note(&place, item);
        Some(DamageCaseItem {
            number,
            side: side?.into(),
            panel: panel.map(Into::into),
            class: class?.into(),
            severity: severity?.into(),
            note,
            estimate,
            photo_id: found.as_ref().map(|found| found.photo_id),
            region: found.map(|found| found.region),
        })
    }

    fn number(&mut self, place: &str, item: &Value) -> Option<i32> {
        let value = item.get("number").filter(|value| !value.is_null())?;
        let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
        match number {
            None => self.wrong(&format!("{place}/number"), "must be the number of a finding"),
            Some(number) if !self.numbers.insert(number) => {
                self.wrong(&format!("{place}/number"), "this finding is confirmed already; name it once");
            }
            Some(_) => {}
        }
        number
    }

    fn found(&mut self, place: &str, number: i32) -> Option<Finding> {
        let found = self.report.findings.iter().find(|finding| finding.number == number).cloned();
        if found.is_none() {
            self.wrong(&format!("{place}/number"), "the report has no finding of this number");
        }
        found
    }

    /// A word of a vocabulary: as said, or else as the report has it.
    fn word<T: rules::Vocabulary>(
        &mut self,
        place: &str,
        item: &Value,
        name: &str,
        reported: Option<&str>,
    ) -> Option<T> {
        let said = item.get(name).filter(|value| !value.is_null());
        let text = match said {
            Some(value) => value.as_str().unwrap_or_default(),
            None => reported.unwrap_or_default(),
        };
        text.parse()
            .map_err(|unknown: rules::UnknownWord| self.wrong(&format!("{place}/{name}"), &unknown.to_string()))
            .ok()
    }

    /// As said, or else the one that the class is always on; of some marks nobody says it.
    fn panel(&mut self, place: &str, item: &Value, class: Option<Class>) -> Option<Panel> {
        let usual = class.and_then(Class::panel);
        let said = item.get("panel").is_some_and(|value| !value.is_null());
        if said { self.word(place, item, "panel", None) } else { usual }
    }

    fn estimate(&mut self, place: &str, item: &Value, severity: Option<Severity>) -> Option<i64> {
        let value = item.get("estimate").filter(|value| !value.is_null())?;
        let estimate = value.as_i64().filter(|amount| (0..=LARGEST_AMOUNT).contains(amount));
        if estimate.is_none() {
            let words = format!("must be a whole number of minor units, from 0 to {LARGEST_AMOUNT}");
            self.wrong(&format!("{place}/estimate"), &words);
        }
        if let Some(Err(wear)) = severity.zip(estimate).map(|(severity, amount)| severity.charge(amount)) {
            self.wrong(&format!("{place}/estimate"), &wear.to_string());
        }
        estimate
    }

    fn note(&mut self, place: &str, item: &Value) -> Option<String> {
        let value = item.get("note").filter(|value| !value.is_null())?;
        let note = value.as_str().filter(|note| note.chars().count() <= LONGEST_NOTE);
        if note.is_none() {
            self.wrong(&format!("{place}/note"), &format!("must be text of at most {LONGEST_NOTE} characters"));
        }
        note.map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn report() -> Report {
        let finding = json!({
            "number": 1, "photoId": Uuid::nil(), "side": "left", "class": "scratch", "score": 0.7,
            "region": { "x": 0.1, "y": 0.1, "width": 0.2, "height": 0.1 },
            "novelty": "new", "reason": "", "suggestedSeverity": "minor"
        });
        Report { findings: vec![serde_json::from_value(finding).unwrap()], ..Report::default() }
    }

    fn pointers(items: &[Value]) -> Vec<String> {
        let refusal = read(items, Some("a note"), &report()).unwrap_err();
        refusal.errors.into_iter().map(|reason| reason.pointer).collect()
    }

    #[test]
    fn a_number_is_enough_for_what_the_report_says() {
        let claims = read(&[json!({ "number": 1 })], Some("a note"), &report()).unwrap();
        assert_eq!(
            (claims[0].side.0, claims[0].class.0, claims[0].severity.0),
            (Side::Left, Class::Scratch, Severity::Minor)
        );
        assert_eq!((claims[0].photo_id, claims[0].panel), (Some(Uuid::nil()), None));
    }

    #[test]
    fn the_panel_is_what_a_person_says_or_the_only_one_that_it_can_be() {
        let items = [
            json!({ "number": 1, "panel": "door" }),
            json!({ "side": "front", "class": "lamp_broken", "severity": "moderate" }),
            json!({ "side": "left", "class": "glass_shatter", "severity": "moderate", "panel": "mirror" }),
        ];
        let claims = read(&items, Some("a note"), &report()).unwrap();
        let panels: Vec<_> = claims.iter().flat_map(|claim| claim.panel).map(|panel| panel.0).collect();
        assert_eq!(panels, [Panel::Door, Panel::Lamp, Panel::Mirror]);
    }

    #[test]
    fn a_person_may_overrule_the_report_and_add_what_only_people_saw() {
        let items = [
            json!({ "number": 1, "severity": "severe", "estimate": 12_000 }),
            json!({ "side": "interior", "class": "dirt", "severity": "cosmetic", "note": "sand" }),
        ];
        let claims = read(&items, Some("a note"), &report()).unwrap();
        assert_eq!((claims[0].severity.0, claims[0].estimate), (Severity::Severe, Some(12_000)));
        assert_eq!((claims[1].side.0, claims[1].number), (Side::Interior, None));
    }

    #[test]
    fn a_finding_is_confirmed_once() {
        let items = [json!({ "number": 1 }), json!({ "number": 1, "severity": "severe" })];
        assert_eq!(pointers(&items), ["/findings/1/number"]);
    }

    #[test]
    fn fair_wear_costs_nothing() {
        let wear = |estimate: i64| json!({ "number": 1, "severity": "cosmetic", "estimate": estimate });
        assert_eq!(pointers(&[wear(1)]), ["/findings/0/estimate"]);
        assert!(read(&[wear(0)], Some("a note"), &report()).is_ok());
    }

    #[test]
    fn a_slip_of_the_finger_is_no_amount() {
        let slip = |estimate: i64| json!({ "number": 1, "severity": "severe", "estimate": estimate });
        assert_eq!(pointers(&[slip(LARGEST_AMOUNT + 1)]), ["/findings/0/estimate"]);
        assert!(read(&[slip(LARGEST_AMOUNT)], Some("a note"), &report()).is_ok());
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let items = [
            json!({ "number": 7, "side": "left", "class": "dent", "severity": "minor" }),
            json!({ "side": "door", "panel": "left", "class": "dent", "estimate": -1 }),
        ];
        let expected = [
            "/findings/0/number",
            "/findings/1/side",
            "/findings/1/panel",
            "/findings/1/severity",
            "/findings/1/estimate",
        ];
        assert_eq!(pointers(&items), expected);
        assert_eq!(pointers(&[]), ["/findings"]);
    }
}
