//! What damage usually costs: a price list in versions.

use std::sync::Arc;

use jobs::damage::ReplaceDamageMatrix;
use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json, types::Example};
use rules::{
    damage::{Class, Severity},
    money::Currency,
};
use serde_json::json;
use view::damage::{DamageMatrix, DamageMatrixLine};

use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    account::Reasons,
    auth::{Caller, SettingsWrite},
    error::ApiError,
    front::Front,
    shape::Shaped,
};

/// The price list that replaces the one that counts.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields, example)]
struct DamageMatrixReplacement {
    /// ISO 4217 code. Estimates are suggested for bookings of this currency only.
    currency: String,
    #[oai(validator(max_items = 1000))]
    lines: Vec<DamageMatrixLine>,
}

impl Example for DamageMatrixReplacement {
    fn example() -> Self {
        let line = DamageMatrixLine {
            panel: None,
            class: Class::Scratch.into(),
            severity: Severity::Minor.into(),
            amount: 18_000,
        };
        Self { currency: "EUR".to_owned(), lines: vec![line] }
    }
}

pub struct MatrixApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Returns")]
impl MatrixApi {
    /// Show the damage matrix
    ///
    /// The version that counts now: what damage usually costs, by panel, class and severity.
    #[oai(path = "/admin/damage-matrix", method = "get", operation_id = "showDamageMatrix")]
    async fn show(
        &self,
        front: Data<&Arc<Front>>,
        _caller: Caller<SettingsWrite>,
    ) -> Result<Json<DamageMatrix>, ApiError> {
        Ok(Json(entity::damage_matrix::Entity::current(&front.db).await?.try_into()?))
    }

    /// Replace the damage matrix
    ///
    /// Makes a new version. Reports made before keep the estimates of theirs, and every decision names its version.
    #[oai(path = "/admin/damage-matrix", method = "put", operation_id = "replaceDamageMatrix")]
    async fn replace(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<SettingsWrite>,
        asking: Asking,
        Shaped(body): Shaped<DamageMatrixReplacement>,
    ) -> Result<Written<DamageMatrix>, ApiError> {
        let mut reasons = Reasons::default();
        let Some(currency) = reasons.take("/currency", Currency::new(&body.currency)) else {
            return Err(reasons.into_error());
        };
        let lines = body.lines.into_iter().map(Into::into).collect();
        let replace = ReplaceDamageMatrix { currency, lines, replaced_by: caller.account_id };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &replace, &json!(replace))?;
        front.write(&asking, job).await?.ok(&asking)
    }
}
