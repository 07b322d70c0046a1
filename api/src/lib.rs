//! The front: checks who asks and the shape of what is asked, hands writes to the
//! job ledger, answers reads from the database. Stateless; run as many as needed.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at a surprise"))]

pub mod accept;
pub mod account;
mod address;
pub mod auth;
pub mod availability;
pub mod booking;
pub mod branch;
pub mod car;
pub mod damage;
mod document;
pub mod error;
mod form;
pub mod front;
mod guess;
pub mod job;
mod link;
pub mod listing;
pub mod media;
pub mod notification;
pub mod offer;
mod ops;
mod outer;
mod page;
pub mod password;
mod picture;
mod pressed;
mod problems;
pub mod rental;
mod review;
pub mod revoked;
pub mod settings;
mod shape;
pub mod staff;
pub mod token;
pub mod trace;
mod upload;
pub mod waitlist;
pub mod window;
mod words;

use std::sync::{Arc, LazyLock};

use anyhow::Context;
use bytes::Bytes;
use platform::probe::Probe;
use poem::{Endpoint, EndpointExt, Response, Route, get, handler, web::Redirect};
use poem_openapi::{OpenApi, OpenApiService, Tags};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use front::Front;
pub use settings::FrontSettings;

/// The chapters of the OpenAPI document.
#[derive(Tags)]
pub(crate) enum Tag {
    /// Registering, logging in and out, profiles, devices, staff.
    Accounts,
    /// Cars, branches, what is free and what it costs.
    Fleet,
    /// Booking and cancelling.
    Bookings,
    /// Picking cars up, giving them back, photos and decisions.
    Returns,
    /// Waiting for time that is taken, and offers of freed time.
    Waitlist,
    /// Messages inside the application.
    Notifications,
    /// How requests ended; dead jobs.
    Jobs,
}

fn service() -> OpenApiService<impl OpenApi, ()> {
    let apis = (
        account::AccountApi,
        account::LoginApi,
        car::CarApi,
        car::BlockApi,
        branch::BranchApi,
        availability::AvailabilityApi,
        booking::BookingApi,
        rental::RentalApi,
        media::MediaApi,
        waitlist::WaitlistApi,
        waitlist::StaffWaitlistApi,
        offer::OfferApi,
        notification::NotificationApi,
        job::JobApi,
        staff::StaffApi,
        (damage::MatrixApi, damage::CaseApi, damage::StaffCaseApi),
    );
    OpenApiService::new(apis, "Forecourt", env!("CARGO_PKG_VERSION")).description(
        "Runs a car-rental house. Every write but logging in and out and handling dead jobs, which are done at once and can be \
         repeated as they are, is a job: it takes `Idempotency-Key` and `Prefer` and answers the final result when it is ready in time, else \
         `202 Accepted` with the address of the job. Errors are problem documents (RFC 9457) with a stable `code`; what is \
         not acceptable about a request is listed in `errors`, all of it at once. Members and parameters that are not in this \
         document are refused.",
    )
}

/// The OpenAPI document as it is served.
pub fn openapi() -> serde_json::Value {
    document::complete(&service().spec())
}

/// Everything the front answers.
pub fn app(front: Arc<Front>, stop: CancellationToken) -> impl Endpoint {
    let service = service();
    let served = document::serve(&service.spec());
    let probe = Probe::new(front.db.clone(), stop);
    let routes = Route::new()
        .nest("/docs", Route::new().at("/", get(docs)))
        .at("/openapi.json", get(outer::json(&served.text)))
        .at("/dev/mail", get(dev_mail))
        .at("/dev/mail/*rest", get(dev_mail))
        .at("/dev/mail.json", get(dev_mail))
        .at("/problems", get(problems::problems))
        .at("/livez", probe.routes())
        .at("/readyz", probe.routes())
        .at("/metrics", probe.routes())
        .nest("/review", review::routes())
        .nest("/offer", offer::routes())
        .nest("/waitlist", waitlist::routes())
        .nest("/damage", damage::routes())
        .nest("/ops", ops::routes())
        .nest_no_strip("/api/v1", service);
    outer::wrap(routes, &front.settings).data(front)
}

/// The page that shows the document and tries it out. Made when somebody asks first: its script is a megabyte and a half, and
/// most fronts are never asked.
static DOCS: LazyLock<Bytes> = LazyLock::new(|| {
    let service = service();
    // poem-openapi puts in what it derived, which lacks the headers that every write needs.
    let page = service.swagger_ui_html().replacen(&service.spec(), &document::served().text, 1);
    let head = "<!doctype html>\n<html lang=\"en\">\n<head>\n    \
                <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n    \
                <link rel=\"icon\" href=\"data:,\">";
    let page = page.trim_start().replacen("<html charset=\"UTF-8\">\n<head>", head, 1);
    page.replacen("<title>Swagger UI</title>", "<title>Forecourt: the API</title>", 1).into()
});

#[handler]
fn docs() -> Response {
    Response::builder().content_type("text/html; charset=utf-8").body(DOCS.clone())
}

/// In development the inbox of the one-machine platform is shown elsewhere.
#[handler]
fn dev_mail(request: &poem::Request, front: poem::web::Data<&Arc<Front>>) -> Result<Redirect, error::ApiError> {
    let url = front.settings.dev_mail_url.as_deref().ok_or_else(error::ApiError::not_found)?;
    let host = url.trim_end_matches('/').trim_end_matches("/dev/mail");
    Ok(Redirect::temporary(format!("{host}{}", request.original_uri().path())))
}

/// Serves until `stop`, then finishes what is in flight.
///
/// # Errors
/// When a setting is wrong or the address cannot be listened on.
pub async fn serve(settings: FrontSettings, stop: CancellationToken) -> anyhow::Result<()> {
    let (listen, grace) = (settings.listen, settings.shared.shutdown_grace);
    let front = Front::start(settings, stop.clone()).await?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    tracing::info!(%listen, "listening");
    Ok(platform::http::serve(listener, app(front, stop.clone()), stop, grace).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_document_shows_the_document_that_is_served() {
        let page = str::from_utf8(&DOCS).unwrap();
        assert!(page.contains(&document::served().text) && page.contains("Idempotency-Key"));
        let head = page.split("<style").next().unwrap();
        for part in ["<!doctype html>", "lang=\"en\"", "name=\"viewport\"", "<title>Forecourt"] {
            assert!(head.contains(part), "{part} is not in {head}");
        }
    }

    #[tokio::test]
    async fn a_link_with_a_slash_too_many_or_without_its_token_is_answered_by_a_page() {
        let routes = Route::new()
            .nest("/review", review::routes())
            .nest("/offer", offer::routes())
            .nest("/waitlist", waitlist::routes())
            .nest("/damage", damage::routes());
        for path in ["/review/", "/offer", "/waitlist/a/b", "/damage/secret/", "/review/secret/photo"] {
            let request = poem::Request::builder().uri_str(path).finish();
            let page = routes.call(request).await.unwrap();
            assert_eq!(
                (page.status().as_u16(), page.content_type()),
                (404, Some("text/html; charset=utf-8")),
                "{path}"
            );
        }
    }
}
