use rules::pricing;
use sea_orm::FromJsonQueryResult;
use serde::{Deserialize, Serialize};

/// A price with everything it is made of, as it is stored: as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Quote(pub pricing::Quote);
