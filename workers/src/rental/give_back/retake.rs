//! One word about poor photos while the renter still stands beside the car (R1).
//!
//! It never blocks: whoever asks a second time, with better photos or the same, is
//! through, and the photos keep their warnings.

use std::collections::BTreeSet;

use entity::{photo, rental_return};
use jobs::{Refusal, rental::ReturnCar};
use rules::{photo::Warning, problem, rental::Slot};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, IntoActiveModel};
use serde_json::{Value, json};

use super::excuse;
use crate::{JobError, Work};

/// What a photo is told that shows the same as another.
const SAME_SIDE: &str = "same_side";

/// A side whose photo could be better, the code of the reason, and the reason in words.
type Poor = (Slot, String, String);

/// Whether anybody is still to be asked: nobody was before, and nobody objects.
pub(super) fn is_open(asked: &ReturnCar, open: Option<&rental_return::Model>) -> bool {
    let advised = open.is_some_and(|open| open.retake_advised_at.is_some());
    !asked.accept_as_is && !advised && excuse(asked).is_none()
}

/// The advice to take some of the `new` photos again, if it [`is_open`]: on the others it was given before, or nobody
/// wanted it. `twice`: sides whose photos show the same.
///
/// The caller commits it with the photos, which are accepted already.
pub(super) async fn advice(
    tx: &DatabaseTransaction,
    work: &Work,
    asked: &ReturnCar,
    open: &rental_return::Model,
    new: &[photo::Model],
    twice: &[[Slot; 2]],
) -> Result<Option<Refusal>, JobError> {
    if !is_open(asked, Some(open)) {
        return Ok(None);
    }
    let is_new = |slot: &Slot| new.iter().any(|photo| photo.slot.0 == *slot);
    let twice = twice.iter().filter(|pair| pair.iter().any(is_new));
    let poor: Vec<Poor> = new.iter().filter_map(poor).chain(twice.flat_map(same_side)).collect();
    if poor.is_empty() {
        return Ok(None);
    }
    let mut row = open.clone().into_active_model();
    row.retake_advised_at = Set(Some(work.now()));
    row.update(tx).await?;
    Ok(Some(refusal(&poor).with("returnId", open.id.to_string())))
}

/// A side whose photo shows too little, and why. Little light blurs too, so darkness is named first.
fn poor(photo: &photo::Model) -> Option<Poor> {
    let warnings = photo.warnings.iter().filter_map(|word| word.parse::<Warning>().ok());
    let (warning, words) = warnings.filter_map(|warning| Some((warning, warning.advice()?))).max()?;
    Some((photo.slot.0, warning.to_string(), words.to_owned()))
}

/// Which of the two is the wrong one only the renter can see.
fn same_side(&[one, other]: &[Slot; 2]) -> [Poor; 2] {
    let words = |beside: Slot| {
        format!(
            "This photo and the {beside} photo seem to show the same side of the car. Please take the wrong one again, if you can."
        )
    };
    [(one, SAME_SIDE.to_owned(), words(other)), (other, SAME_SIDE.to_owned(), words(one))]
}

fn refusal(poor: &[Poor]) -> Refusal {
    let sides: BTreeSet<Slot> = poor.iter().map(|(slot, ..)| *slot).collect();
    let names = sides.into_iter().map(Slot::as_str).collect::<Vec<_>>().join(", ");
    let detail = format!(
        "You may take these photos again: {names}. If you cannot, send the same once more under a new \
         Idempotency-Key: the photos are then taken as they are."
    );
    let photos: Vec<Value> =
        poor.iter().map(|(slot, code, words)| json!({ "slot": slot, "code": code, "message": words })).collect();
    let refusal = Refusal::new(problem::RETAKE_ADVISED.code, detail).with("photos", photos);
    poor.iter().fold(refusal, |refusal, (slot, _, words)| refusal.because(format!("/{slot}"), words))
}
