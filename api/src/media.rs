//! Photos for those who may see them: a redirect to an address in the bucket that soon ends.

use std::sync::Arc;

use entity::{
    audit_log,
    damage_case::{self, DisputePhoto},
    derivative, photo,
};
use poem::{
    IntoResponse, Response,
    http::{StatusCode, header},
    web::Data,
};
use poem_openapi::{ApiResponse, Enum, OpenApi, param::Path};
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    Tag,
    auth::{Caller, MediaRead},
    error::ApiError,
    front::Front,
};

/// Bytes of a copy of a photo.
const COPY_LIMIT: u64 = 8 * 1024 * 1024;

/// The original, or a copy by the length of its longer side in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
enum Variant {
    #[oai(rename = "original")]
    Original,
    #[oai(rename = "160")]
    Small,
    #[oai(rename = "640")]
    Medium,
    #[oai(rename = "1600")]
    Large,
}

impl Variant {
    /// What pages show.
    fn on_page(name: &str) -> Option<Self> {
        match name {
            "1600" => Some(Self::Large),
            "original" => Some(Self::Original),
            _ => None,
        }
    }

    fn size(self) -> Option<&'static str> {
        match self {
            Self::Original => None,
            Self::Small => Some("160"),
            Self::Medium => Some("640"),
            Self::Large => Some("1600"),
        }
    }
}

#[derive(ApiResponse)]
enum Media {
    /// The picture is at `Location`, for at most ten minutes.
    #[oai(status = 302)]
    Found(#[oai(header = "Location")] String, #[oai(header = "Cache-Control")] String),
}

/// Where an object is, and what it is served as.
struct Object {
    key: String,
    content_type: String,
}

/// The object behind a variant of a photo, if both are there.
async fn object(db: &DatabaseConnection, photo: photo::Model, variant: Variant) -> Result<Option<Object>, DbErr> {
    let Some(size) = variant.size() else {
        let there = photo.state == photo::ACCEPTED;
        let content_type = photo.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
        return Ok(there.then_some(Object { key: photo.object_key, content_type }));
    };
    let copy = derivative::Entity::find_by_id((photo.id, size.to_owned())).one(db).await?;
    Ok(copy.map(|copy| Object { key: copy.object_key, content_type: "image/jpeg".to_owned() }))
}

/// Writes down that staff looked at somebody's original. Before it is shown: what cannot be written down is not shown.
///
/// # Errors
/// When the database does not answer.
async fn note_original_shown(db: &DatabaseConnection, photo: Uuid, account: Uuid) -> Result<(), DbErr> {
    let row = audit_log::ActiveModel {
        actor: Set(Some(account)),
        action: Set("show_original".to_owned()),
        subject_kind: Set("photo".to_owned()),
        subject_id: Set(photo),
        ..Default::default()
    };
    audit_log::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// A picture for a page that a mail links to, if it is of this rental. Copies come through the front, so that the page
/// needs nothing from elsewhere; the original is opened at the bucket, at an address that soon ends.
///
/// `staff` is who looks, unless it is the renter.
///
/// # Errors
/// `not_found`, or when database or bucket do not answer.
pub(crate) async fn on_page(
    front: &Front,
    booking: Uuid,
    id: Uuid,
    variant: &str,
    staff: Option<Uuid>,
) -> Result<Response, ApiError> {
    let of_this_rental = photo::Entity::find_by_id(id).filter(photo::Column::BookingId.eq(booking));
    let photo = of_this_rental.one(&front.db).await?.ok_or_else(ApiError::not_found)?;
    let variant = Variant::on_page(variant).ok_or_else(ApiError::not_found)?;
    let object = object(&front.db, photo, variant).await?.ok_or_else(ApiError::not_found)?;
    shown(front, id, variant, object, staff).await
}

/// A picture of a dispute for the page of its case.
///
/// `staff` is who looks, unless it is the customer.
///
/// # Errors
/// `not_found`, or when database or bucket do not answer.
pub(crate) async fn of_dispute(
    front: &Front,
    case: &damage_case::Model,
    id: Uuid,
    variant: &str,
    staff: Option<Uuid>,
) -> Result<Response, ApiError> {
    let variant = Variant::on_page(variant).ok_or_else(ApiError::not_found)?;
    let object = sent(case, id, variant)?.ok_or_else(ApiError::not_found)?;
    shown(front, id, variant, object, staff).await
}

/// The object behind a variant of a photo that came with a dispute, if both are there.
fn sent(case: &damage_case::Model, id: Uuid, variant: Variant) -> Result<Option<Object>, DbErr> {
    let Some(photo) = case.dispute_photos()?.into_iter().find(|photo| photo.id == id) else { return Ok(None) };
    Ok(match variant {
        Variant::Original => Some(Object { key: DisputePhoto::key(case.id, id), content_type: photo.content_type }),
        Variant::Large => {
            Some(Object { key: DisputePhoto::copy_key(case.id, id), content_type: "image/jpeg".to_owned() })
        }
        Variant::Small | Variant::Medium => None,
    })
}

async fn shown(
    front: &Front,
    id: Uuid,
    variant: Variant,
    object: Object,
    staff: Option<Uuid>,
) -> Result<Response, ApiError> {
    if variant == Variant::Original {
        if let Some(reader) = staff {
            note_original_shown(&front.db, id, reader).await?;
        }
        let address = front.bucket.presigned_get(&object.key, &object.content_type).await?;
        let found = StatusCode::FOUND.with_header(header::LOCATION, address);
        return Ok(found.with_header(header::CACHE_CONTROL, "no-store").into_response());
    }
    let bytes = front.bucket.get(&object.key, COPY_LIMIT).await?.ok_or_else(ApiError::not_found)?;
    let bytes = bytes.map_err(ApiError::internal)?;
    Ok(bytes
        .to_vec()
        .with_content_type(object.content_type)
        .with_header(header::CACHE_CONTROL, "private, max-age=600")
        .with_header(header::CONTENT_SECURITY_POLICY, "default-src 'none'")
        .into_response())
}

pub struct MediaApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Returns")]
impl MediaApi {
    /// Show a photo
    ///
    /// To whoever rented the car, to staff, and to whoever runs the branch; that one of these looked at an original is written down. Smaller copies are there a moment after the photo was accepted.
    #[oai(path = "/media/:id/:variant", method = "get", operation_id = "showPhoto")]
    async fn show(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<MediaRead>,
        id: Path<Uuid>,
        variant: Path<Variant>,
    ) -> Result<Media, ApiError> {
        let query = photo::Entity::find_by_id(id.0).filter(caller.sees_by_booking("photo"));
        let photo = query.one(&front.db).await?.ok_or_else(ApiError::not_found)?;
        let by_staff = caller.decides() && variant.0 == Variant::Original;
        let photo_id = photo.id;
        let object = object(&front.db, photo, variant.0).await?.ok_or_else(ApiError::not_found)?;
        if by_staff {
            note_original_shown(&front.db, photo_id, caller.account_id).await?;
        }
        let address = front.bucket.presigned_get(&object.key, &object.content_type).await?;
        Ok(Media::Found(address, "no-store".to_owned()))
    }

    /// Show a photo of a dispute
    ///
    /// The `original`, or the copy `1600`. To the customer who sent it, to staff, and to whoever runs the branch; that one of
    /// these looked at an original is written down.
    #[oai(path = "/damage-cases/:id/photos/:photo/:variant", method = "get", operation_id = "showDisputePhoto")]
    async fn show_of_dispute(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<MediaRead>,
        id: Path<Uuid>,
        photo: Path<Uuid>,
        variant: Path<Variant>,
    ) -> Result<Media, ApiError> {
        let query = damage_case::Entity::find_by_id(id.0).filter(caller.sees("damage_case"));
        let case = query.one(&front.db).await?.ok_or_else(ApiError::not_found)?;
        let object = sent(&case, photo.0, variant.0)?.ok_or_else(ApiError::not_found)?;
        if caller.decides() && variant.0 == Variant::Original {
            note_original_shown(&front.db, photo.0, caller.account_id).await?;
        }
        let address = front.bucket.presigned_get(&object.key, &object.content_type).await?;
        Ok(Media::Found(address, "no-store".to_owned()))
    }
}
