//! What the platform does with the pixels of a photo: let it in, make small
//! copies of it, and look for damage on it.
//!
//! Everything here is plain synchronous work on bytes (no network, no database,
//! no clock that decides anything) and costs tens to hundreds of milliseconds of
//! processor time: async callers wrap it in `spawn_blocking`.

pub mod card;
mod claim;
mod colour;
mod container;
pub mod decode;
pub mod derivative;
pub mod detector;
pub mod fingerprint;
pub mod gate;
mod jpeg;
pub mod landmark;
pub mod letterbox;
pub mod overlay;
mod quality;
pub mod refusal;
mod resize;
pub mod runtime;
pub mod suppression;
pub mod tile;
mod yolox;

#[cfg(test)]
#[path = "../../../dev/src/picture/mod.rs"]
#[expect(unreachable_pub, reason = "shared with dev/, where it is public")]
pub(crate) mod picture;
#[cfg(test)]
#[path = "../../../dev/src/tiny_model/mod.rs"]
#[expect(unreachable_pub, reason = "shared with dev/, where it is public")]
pub(crate) mod tiny_model;
