use std::fmt::Display;

use sea_orm::{DbErr, entity::prelude::Json};
use serde::de::DeserializeOwned;

/// Reads what a column of JSON holds; `what` it is stands in the error.
///
/// # Errors
/// When it holds something else: that must never pass for nothing.
pub fn stored<T: DeserializeOwned>(what: impl Display, json: &Json) -> Result<T, DbErr> {
    T::deserialize(json).map_err(|error| DbErr::Type(format!("{what}: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_an_error_that_names_it_and_not_nothing() {
        let read = |json| stored::<Vec<i32>>("the items", &json);
        assert_eq!(read(json!([1])).ok(), Some(vec![1]));
        let error = read(json!([{}])).map_or_else(|error| error.to_string(), |read| format!("{read:?}"));
        assert!(error.contains("the items: "), "{error}");
    }
}
