//! One word about poor photos while the renter still stands beside the car (R1).
//!
//! It never blocks: whoever asks a second time, with better photos or the same, is
//! through, and the photos keep their warnings.

use entity::{photo, rental_return};
use jobs::{Refusal, rental::ReturnCar};
use rules::{
    photo::Warning,
    problem,
    rental::{Occasion, Slot},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, IntoActiveModel};
use serde_json::{Value, json};

use super::excuse;
use crate::{JobError, Work};

/// The advice to take some photos again, unless it was given before or nobody wants it.
///
/// The caller commits it with the photos, which are accepted already.
pub(super) async fn advice(
    tx: &DatabaseTransaction,
    work: &Work,
    asked: &ReturnCar,
    open: &rental_return::Model,
) -> Result<Option<Refusal>, JobError> {
    if asked.accept_as_is || open.retake_advised_at.is_some() || excuse(asked).is_some() {
        return Ok(None);
    }
    let photos = photo::Entity::counting(tx, open.booking_id).await?;
    let poor: Vec<_> = photos.iter().filter(|it| it.occasion.0 == Occasion::Return).filter_map(poor).collect();
    if poor.is_empty() {
        return Ok(None);
    }
    // `updated_at` stays: it says since when better photos are waited for.
    let mut row = open.clone().into_active_model();
    row.retake_advised_at = Set(Some(work.now()));
    row.update(tx).await?;
    Ok(Some(refusal(&poor).with("returnId", open.id.to_string())))
}

/// A side whose photo shows too little, and why. Little light blurs too, so darkness is named first.
fn poor(photo: &photo::Model) -> Option<(Slot, Warning, &'static str)> {
    let warnings = photo.warnings.iter().filter_map(|word| word.parse::<Warning>().ok());
    let warnings = warnings.filter_map(|warning| Some((photo.slot.0, warning, warning.advice()?)));
    warnings.max_by_key(|(_, warning, _)| *warning)
}

fn refusal(poor: &[(Slot, Warning, &str)]) -> Refusal {
    let names = poor.iter().map(|(slot, ..)| slot.as_str()).collect::<Vec<_>>().join(", ");
    let detail = format!(
        "You may take these photos again: {names}. If you cannot, send the same once more under a new \
         Idempotency-Key: the photos are then taken as they are."
    );
    let photos: Vec<Value> =
        poor.iter().map(|(slot, warning, words)| json!({ "slot": slot, "code": warning, "message": words })).collect();
    let refusal = Refusal::new(problem::RETAKE_ADVISED.code, detail).with("photos", photos);
    poor.iter().fold(refusal, |refusal, (slot, _, words)| refusal.because(format!("/{slot}"), *words))
}
