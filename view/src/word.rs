use std::borrow::Cow;

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use rules::Vocabulary;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A word of the rules as the HTTP contract documents it: a string with its list of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Word<T>(pub T);

impl<T> From<entity::Word<T>> for Word<T> {
    fn from(word: entity::Word<T>) -> Self {
        Self(word.0)
    }
}

impl<T> From<T> for Word<T> {
    fn from(word: T) -> Self {
        Self(word)
    }
}

impl<T: Vocabulary> Type for Word<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(T::NAME.to_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(T::NAME.to_owned(), |_| MetaSchema {
            enum_items: T::WORDS.iter().map(|word| Value::from(*word)).collect(),
            ..MetaSchema::new("string")
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

fn parse<T: Vocabulary>(text: &str) -> ParseResult<Word<T>> {
    text.parse().map(Word).map_err(ParseError::custom)
}

impl<T: Vocabulary> ParseFromJSON for Word<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value.unwrap_or_default() {
            Value::String(text) => parse(&text),
            other => Err(ParseError::expected_type(other)),
        }
    }
}

impl<T: Vocabulary> ParseFromParameter for Word<T> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        parse(text)
    }
}

impl<T: Vocabulary> ToJSON for Word<T> {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.to_string()))
    }
}
