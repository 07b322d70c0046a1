//! A filled form of one of our pages, field by field.

use rules::problem;

use crate::{error::ApiError, shape::NUL};

/// Bytes of a filled form; the longest text has 4000 letters.
const LIMIT: usize = 64 * 1024;

#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// # Errors
    /// When it is larger than any form of ours, or a text of it cannot be kept.
    pub(crate) async fn read(body: poem::Body) -> Result<Self, ApiError> {
        let too_large = |_| ApiError::new(problem::BODY_TOO_LARGE, "Please write less.");
        let form = Self::parse(&body.into_bytes_limit(LIMIT).await.map_err(too_large)?);
        match form.0.iter().find(|(_, text)| text.contains('\0')) {
            Some((field, _)) => Err(ApiError::new(problem::BAD_REQUEST, format!("The field {field} {NUL}."))),
            None => Ok(form),
        }
    }

    pub(crate) fn parse(body: &[u8]) -> Self {
        Self::of(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The texts of a form by their fields. A browser counts the end of a line as one letter and sends two.
    pub(crate) fn of(texts: Vec<(String, String)>) -> Self {
        Self(texts.into_iter().map(|(field, text)| (field, text.replace("\r\n", "\n"))).collect())
    }

    /// Which button was pressed.
    pub(crate) fn press(&self) -> &str {
        self.text("press")
    }

    /// The text of a field without blanks around it; empty when there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.exact(name).trim()
    }

    /// The text of a field as it was typed, as passwords are read; empty when there is none.
    pub(crate) fn exact(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, text)| text)
    }

    /// Whether one of the fields of a name, as boxes to tick are, has the value.
    pub(crate) fn ticked(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(field, text)| field == name && text.trim() == value)
    }

    /// The field says this from now on.
    pub(crate) fn set(&mut self, name: String, text: String) {
        self.0.retain(|(field, _)| *field != name);
        self.0.push((name, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_text_that_cannot_be_kept_is_refused_by_the_name_of_its_field() {
        let refused = Form::read("verdict=clear&note=a%00b".into()).await.unwrap_err();
        assert_eq!(refused.problem.code, "bad_request");
        assert!(refused.detail.contains("note"), "{refused:?}");
        assert!(Form::read("verdict=clear&note=a".into()).await.is_ok());
    }

    #[test]
    fn the_end_of_a_line_is_one_letter_as_the_browser_counted() {
        assert_eq!(Form::parse(b"note=a%0D%0Ab").text("note"), "a\nb");
        let multipart = [("words".to_owned(), "a\r\n\r\nb".to_owned())];
        assert_eq!(Form::of(multipart.into()).text("words"), "a\n\nb");
    }

    #[test]
    fn only_a_password_keeps_the_blanks_around_it() {
        let form = Form::parse(b"email=+a%40b.example+&password=+two+words+");
        assert_eq!((form.text("email"), form.exact("password")), ("a@b.example", " two words "));
    }
}
