//! `/problems`: what every problem's `type` points to.

use poem::{handler, web::Html};
use rules::problem;

/// The registry as a page. Its words are our own constants, so nothing needs escaping.
#[handler]
pub(crate) fn problems() -> Html<String> {
    let row = |problem: &problem::Problem| {
        // On a phone a code takes several lines.
        let words = problem.code.replace('_', "_<wbr>");
        format!(
            "<tr id=\"{}\"><td><code>{words}</code></td><td>{}</td><td>{}</td></tr>",
            problem.code, problem.status, problem.title
        )
    };
    let rows: String = problem::ALL.iter().map(row).collect();
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\">\
         <title>Problems</title><style>:root{{color-scheme:light dark}}\
         body{{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}}\
         td{{padding:.25rem .75rem .25rem 0;vertical-align:top}}:target{{background:#ffefb0;color:#1b2430}}</style>\
         <h1>Problems</h1><p>Every error is a problem document (RFC 9457) with one of these codes.</p>\
         <table><tr><th scope=\"col\" align=\"left\">code</th><th scope=\"col\" align=\"left\">status</th><th scope=\"col\" align=\"left\">meaning</th></tr>{rows}</table></html>"
    ))
}
