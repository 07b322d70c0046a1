//! Whether a photo shows a car at all, as a second model says that the card of the first one names.

use std::path::Path;
use std::time::{Duration, Instant};

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::{Card, Detector, ModelIdentity, Settings, Unavailable, views};

/// How sure a model is that a photo shows a car.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarSeen {
    /// Of the best box, 0 to 1; 0 without one.
    pub score: f64,
    pub model: ModelIdentity,
}

impl CarSeen {
    /// Whether the photo shows a car, as far as the model can tell.
    pub fn is_one(&self) -> bool {
        self.score >= f64::from(self.model.thresholds.score)
    }
}

impl Detector {
    /// The model that knows cars, when this one's card, which lies at `card`, names one.
    pub(super) fn that_knows_cars(&self, card: &Path, settings: &Settings) -> Result<Option<Self>, Unavailable> {
        let Some(card) = self.card.car_card(card) else { return Ok(None) };
        let detector = Card::load(&card).and_then(|it| Self::with_card(&card.with_extension("onnx"), it, settings));
        let of_cars = |why: Unavailable| Unavailable::new(format!("of the model that knows cars: {}", why.reason));
        detector.map(Some).map_err(of_cars)
    }

    /// How sure it is, of the photo as a whole, that what it knows is there; and how long it looked.
    pub(super) fn sureness(&self, picture: &RgbImage, until: Instant) -> Result<(CarSeen, Duration), Unavailable> {
        let whole = views(picture.width(), picture.height(), None)[0];
        let (found, took) = self.look(picture, whole, until)?;
        let score = found.iter().map(|candidate| candidate.score).fold(0.0, f64::max);
        Ok((CarSeen { score, model: self.identity.clone() }, took))
    }
}
