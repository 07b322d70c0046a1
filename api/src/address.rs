//! Every address of the front, as the OpenAPI document lists them, and the pages beside them: what a request is counted and
//! logged under, and what is known of an address that refuses one.

use std::borrow::Cow;

use jobs::outcome::Reason;
use poem::http::{Method, Uri};
use rules::problem;
use serde_json::Value;

use crate::{document::served, error::ApiError, shape::wrong_parameter};

/// One path of the document with everything that it answers.
pub(crate) struct Address {
    /// With `:id` for whatever stands in braces.
    route: String,
    /// What stands between its slashes; `None` for what stands in braces.
    segments: Vec<Option<String>>,
    operations: Vec<Operation>,
}

struct Operation {
    method: Method,
    /// Not for somebody without a token.
    protected: bool,
    takes_body: bool,
    /// Those of the query.
    parameters: Vec<Parameter>,
}

struct Parameter {
    name: String,
    required: bool,
    schema: Value,
}

/// All of a document.
pub(crate) fn listed(document: &Value) -> Vec<Address> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let addresses = paths.map(|(template, operations)| {
        let segments = template.split('/').map(|segment| (!segment.starts_with('{')).then(|| segment.to_owned()));
        let segments: Vec<_> = segments.collect();
        let words: Vec<_> = segments.iter().map(|segment| segment.as_deref().unwrap_or(":id")).collect();
        Address {
            route: words.join("/"),
            operations: operations.as_object().into_iter().flatten().filter_map(Operation::listed).collect(),
            segments,
        }
    });
    let mut addresses: Vec<_> = addresses.collect();
    // A word of the document goes before whatever else could stand in its place.
    addresses.sort_by_key(|address| address.segments.iter().filter(|segment| segment.is_none()).count());
    addresses
}

impl Operation {
    fn listed((method, operation): (&String, &Value)) -> Option<Self> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.filter(|parameter| parameter["in"] == "query");
        Some(Self {
            method: method.to_uppercase().parse().ok()?,
            protected: operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty()),
            takes_body: !operation["requestBody"].is_null(),
            parameters: parameters.filter_map(Parameter::listed).collect(),
        })
    }
}

impl Parameter {
    fn listed(parameter: &Value) -> Option<Self> {
        let (required, schema) = (parameter["required"] == true, parameter["schema"].clone());
        Some(Self { name: parameter["name"].as_str()?.to_owned(), required, schema })
    }
}

/// `None` for pages, probes and whatever leads nowhere.
fn find(path: &str) -> Option<&'static Address> {
    let given: Vec<&str> = path.split('/').collect();
    served().addresses.iter().find(|address| address.fits(&given))
}

impl Address {
    fn fits(&self, given: &[&str]) -> bool {
        self.segments.len() == given.len()
            && self.segments.iter().zip(given).all(|(known, given)| known.as_ref().is_none_or(|known| known == given))
    }

    fn allowed(&self) -> String {
        self.operations.iter().map(|operation| operation.method.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Pages that whoever has the token behind them may open.
const BEHIND_TOKENS: [&str; 4] = ["/review", "/offer", "/waitlist", "/damage"];

/// Everything else that is not an address of the API.
const OTHERS: [&str; 8] = ["/docs", "/ops", "/problems", "/openapi.json", "/livez", "/readyz", "/metrics", "/dev"];

/// Whether a path is this one or lies below it.
fn is_at(place: &str, path: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a request is counted under. Nothing that a client can choose is among it, or the metrics would grow with every path
/// that somebody tries.
pub(crate) fn route(path: &str) -> &'static str {
    let place = || BEHIND_TOKENS.into_iter().chain(OTHERS).find(|place| is_at(place, path));
    find(path).map(|address| address.route.as_str()).or_else(place).unwrap_or("other")
}

/// Tokens of links stay out of the log.
pub(crate) fn redacted(path: &str) -> Cow<'_, str> {
    match BEHIND_TOKENS.into_iter().find(|place| is_at(place, path)) {
        Some(place) => format!("{place}/…").into(),
        None => path.into(),
    }
}

/// The methods that an address answers, as `Allow` lists them; `None` where there is nothing.
pub(crate) fn allowed(path: &str) -> Option<String> {
    let page = || match route(path) {
        "other" => None,
        place if BEHIND_TOKENS.contains(&place) && !path.contains("/photo/") => Some("GET, POST".to_owned()),
        "/ops" if ["/ops/login", "/ops/logout"].contains(&path) => Some("GET, POST".to_owned()),
        "/ops" if path != "/ops" => Some("POST".to_owned()),
        _ => Some("GET".to_owned()),
    };
    // Whatever answers GET answers HEAD.
    find(path).map(Address::allowed).or_else(page).map(|methods| methods.replace("GET", "GET, HEAD"))
}

/// Holds the query against the document, which poem-openapi alone does up to the first mistake. A parameter that the address does
/// not know is one: a filter that is misspelt would let everything through.
///
/// What is protected waits until it is known who asks (`known`): whoever may not ask at all is told that, and no more.
///
/// # Errors
/// Names every parameter that is wrong, missing or not known, and for the last those that are.
pub(crate) fn hold_query(method: &Method, uri: &Uri, known: bool) -> Result<(), ApiError> {
    let query = uri.query();
    // Only reads need a query at all.
    if query.is_none() && !matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let Some(operation) = Operation::find(method, uri.path(), known) else { return Ok(()) };
    let given: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).take(MOST + 1).collect();
    if given.len() > MOST {
        return Err(ApiError::new(problem::BAD_REQUEST, format!("The address has more than {MOST} parameters.")));
    }
    let missing = operation
        .parameters
        .iter()
        .filter(|known| known.required && !given.iter().any(|(name, _)| known.name == *name));
    let missing = missing.map(|known| (known.name.as_str(), "is missing".to_owned()));
    let wrong = given.iter().enumerate().filter_map(|(at, (name, text))| {
        let twice = given[..at].iter().any(|(before, _)| before == name).then(|| "is given twice".to_owned());
        Some((&**name, operation.wrong(name, text).or(twice)?))
    });
    let reason = |(name, message)| Reason { pointer: format!("/{name}"), message };
    let reasons: Vec<_> = wrong.chain(missing).map(reason).collect();
    if reasons.is_empty() { Ok(()) } else { Err(ApiError::invalid(reasons)) }
}

/// Nobody mends more at once.
const MOST: usize = 50;

/// Whether the body of a request says anything.
#[derive(Clone, Copy)]
pub(crate) struct Bodied(pub(crate) bool);

/// Refuses a body where the document has none: whoever sends it takes it for heard. Known are the protected operations, as for
/// [`hold_query`].
///
/// # Errors
/// `bad_request`.
pub(crate) fn hold_body(method: &Method, uri: &Uri, known: bool, body: Option<&Bodied>) -> Result<(), ApiError> {
    let says = body.is_some_and(|body| body.0);
    if says && Operation::find(method, uri.path(), known).is_some_and(|operation| !operation.takes_body) {
        return Err(ApiError::new(problem::BAD_REQUEST, "This address takes no body. Send the request without one."));
    }
    Ok(())
}

impl Operation {
    /// What answers there, if it is one that is protected, or none that is.
    fn find(method: &Method, path: &str, protected: bool) -> Option<&'static Self> {
        // Whatever answers GET answers HEAD.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let operation = find(path)?.operations.iter().find(|operation| operation.method == *method);
        operation.filter(|operation| operation.protected == protected)
    }

    fn wrong(&self, name: &str, text: &str) -> Option<String> {
        if let Some(known) = self.parameters.iter().find(|known| known.name == name) {
            return wrong_parameter(&known.schema, text);
        }
        let known: Vec<_> = self.parameters.iter().map(|known| known.name.as_str()).collect();
        Some(match known.as_slice() {
            [] => "is no parameter: this address takes none".to_owned(),
            known => format!("is no parameter of this address, which takes {}", known.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, uri: &str) -> Result<(), ApiError> {
        let uri = uri.parse().unwrap();
        hold_query(&method, &uri, true).and(hold_query(&method, &uri, false))
    }

    fn told(refused: &ApiError) -> Vec<(&str, &str)> {
        refused.errors.iter().map(|reason| (reason.pointer.as_str(), reason.message.as_str())).collect()
    }

    #[test]
    fn an_address_is_found_whatever_its_ids_are_and_no_other_is() {
        assert_eq!(allowed("/api/v1/cars/7").as_deref(), Some("DELETE, GET, HEAD, PATCH"));
        assert_eq!(allowed("/api/v1/bookings/7/cancel").as_deref(), Some("POST"));
        assert_eq!([allowed("/api/v1/bookings/7/cancel/8"), allowed("/api/v1/bookings/7/")], [None, None]);
        let pages = ["/ops", "/ops/jobs/7/replay", "/offer/secret", "/review/secret/photo/7/large", "/livez"];
        assert_eq!(
            pages.map(|page| allowed(page).unwrap()),
            ["GET, HEAD", "POST", "GET, HEAD, POST", "GET, HEAD", "GET, HEAD"]
        );
    }

    #[test]
    fn every_address_is_found_under_itself() {
        assert!(served().addresses.len() > 40);
        for address in &served().addresses {
            assert_eq!(find(&address.route).unwrap().route, address.route);
        }
    }

    #[test]
    fn a_parameter_that_nobody_knows_is_named_with_those_that_are_known() {
        let refused = ask(Method::GET, "/api/v1/bookings?statsu=Active&limit=3&b%20c").unwrap_err();
        let words = "is no parameter of this address, which takes status, carId, limit, cursor";
        assert_eq!(told(&refused), [("/statsu", words), ("/b c", words)]);
        assert!(ask(Method::GET, "/api/v1/bookings?status=Active&limit=3").is_ok());
        assert!(ask(Method::POST, "/api/v1/bookings?status=Active").is_err());
        assert!(ask(Method::HEAD, "/api/v1/bookings?statsu=Active").is_err());
        assert!(ask(Method::GET, "/review/token?sent=1").is_ok());
    }

    #[test]
    fn all_that_is_wrong_or_missing_is_named_in_the_words_of_a_body() {
        let refused = ask(Method::GET, "/api/v1/cars?limit=0&seats=x&category=huge&lat=north&from=tomorrow&branchId=7");
        let told_of_cars = [
            ("/limit", "must be a whole number from 1 to 100"),
            ("/seats", "must be a whole number from -32768 to 32767"),
            ("/category", "must be one of: economy, compact, midsize, fullsize, suv, van, luxury, electric"),
            ("/lat", "must be a number"),
            ("/from", "must be a time such as 2027-03-01T09:00:00Z"),
            ("/branchId", "must be a UUID"),
        ];
        assert_eq!(told(&refused.unwrap_err()), told_of_cars);
        let refused = ask(Method::GET, "/api/v1/availability").unwrap_err();
        assert_eq!(told(&refused), [("/from", "is missing"), ("/to", "is missing")]);
        assert!(ask(Method::GET, "/api/v1/cars?limit=100&seats=5&lat=52.5&from=2027-03-01T09:00:00Z").is_ok());
        let own = "/api/v1/bookings?limit=0".parse().unwrap();
        assert!(hold_query(&Method::GET, &own, false).is_ok(), "nobody knows yet who asks");
    }

    #[test]
    fn what_comes_twice_or_is_not_looked_at_any_more_is_refused() {
        let refused = ask(Method::GET, "/api/v1/bookings?status=Active&limit=3&status=Completed").unwrap_err();
        assert_eq!(told(&refused), [("/status", "is given twice")]);
        let many = |count| format!("/api/v1/cars?{}", vec!["a"; count].join("&"));
        assert_eq!(ask(Method::GET, &many(51)).unwrap_err().problem.code, "bad_request");
        assert_eq!(ask(Method::GET, &many(50)).unwrap_err().errors.len(), 50);
    }

    #[test]
    fn a_body_is_refused_where_none_is_known() {
        let send = |method, uri: &str, says| {
            let (uri, body) = (uri.parse().unwrap(), Bodied(says));
            let held = |known| hold_body(&method, &uri, known, Some(&body)).is_ok();
            (held(false), held(true))
        };
        assert_eq!(send(Method::GET, "/api/v1/cars", true), (false, true));
        assert_eq!(send(Method::DELETE, "/api/v1/cars/7", true), (true, false), "it waits until it is known who asks");
        assert_eq!(send(Method::POST, "/api/v1/bookings", true), (true, true));
        assert_eq!(send(Method::GET, "/api/v1/cars", false), (true, true));
    }

    #[test]
    fn no_write_needs_a_query() {
        let operations = served().addresses.iter().flat_map(|address| &address.operations);
        for write in operations.filter(|operation| operation.method != Method::GET) {
            assert!(write.parameters.iter().all(|parameter| !parameter.required));
        }
    }

    #[test]
    fn metrics_name_routes_and_never_ids() {
        assert_eq!(route("/api/v1/bookings/0192-ab/cancel"), "/api/v1/bookings/:id/cancel");
        assert_eq!(route("/api/v1/cars"), "/api/v1/cars");
        assert_eq!(route("/review/secret"), "/review");
        for tried in ["/wp-admin.php", "/api/v1/abc", "/api/v1/cars/7/abc", "/api", "/reviews/secret"] {
            assert_eq!(route(tried), "other");
        }
    }

    #[test]
    fn no_page_behind_a_token_shows_it_in_the_log() {
        for page in ["/review", "/offer", "/waitlist", "/damage"] {
            assert_eq!(redacted(&format!("{page}/secret")), format!("{page}/…"));
            assert_eq!(redacted(&format!("{page}/secret/photo/1/large")), format!("{page}/…"));
        }
        assert_eq!(redacted("/api/v1/waitlist/7"), "/api/v1/waitlist/7");
    }
}
