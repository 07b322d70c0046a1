//! `/problems`: what every problem's `type` points to.

use poem::{handler, web::Html};
use rules::problem;

/// The registry as a page. Its words are our own constants, so nothing needs escaping.
#[handler]
pub(crate) fn problems() -> Html<String> {
    let row = |problem: &problem::Problem| {
        format!(
            "<tr id=\"{0}\"><td><code>{0}</code></td><td>{1}</td><td>{2}</td></tr>",
            problem.code, problem.status, problem.title
        )
    };
    let rows: String = problem::ALL.iter().map(row).collect();
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Problems</title><style>body{{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}}\
         td{{padding:.25rem .75rem .25rem 0;vertical-align:top}}:target{{background:#ffefb0}}</style>\
         <h1>Problems</h1><p>Every error is a problem document (RFC 9457) with one of these codes.</p>\
         <table><tr><th align=\"left\">code</th><th align=\"left\">status</th><th align=\"left\">meaning</th></tr>{rows}</table></html>"
    ))
}
