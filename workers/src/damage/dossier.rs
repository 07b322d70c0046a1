//! All that is known of a case as one document: no clock goes into it, so the same case gives the same bytes.

use std::collections::BTreeSet;

use entity::{account, audit_log, booking, damage, damage_case, damage_matrix, delivery, photo, rental_return};
use rules::rental::{Occasion, Slot};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use uuid::Uuid;
use view::damage::DamageCase;

/// What an export writes down; it is about the file and not about the case.
pub(super) const EXPORTED: &str = "damage_evidence_exported";

/// A case with everything that belongs to it.
pub(super) struct Dossier {
    pub(super) case: damage_case::Model,
    pub(super) booking: booking::Model,
    pub(super) rental_return: rental_return::Model,
    /// Every photo of the rental, refused and replaced ones too.
    pub(super) photos: Vec<photo::Model>,
    pub(super) audit: Vec<audit_log::Model>,
    register: Vec<damage::Model>,
    matrix: Option<damage_matrix::Model>,
    deliveries: Vec<delivery::Model>,
    people: Vec<account::Model>,
}

fn gone(what: &str) -> DbErr {
    DbErr::RecordNotFound(format!("the {what} of a damage case"))
}

/// The lines about any of these, each by the index of the log.
fn about(subjects: [(&str, Uuid); 3]) -> Condition {
    let about = |(kind, id)| {
        Condition::all().add(audit_log::Column::SubjectKind.eq(kind)).add(audit_log::Column::SubjectId.eq(id))
    };
    subjects.into_iter().map(about).fold(Condition::any(), Condition::add)
}

impl Dossier {
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn load(db: &impl ConnectionTrait, case: damage_case::Model) -> Result<Self, DbErr> {
        let booking = booking::Entity::find_by_id(case.booking_id).one(db).await?.ok_or_else(|| gone("booking"))?;
        let found = rental_return::Entity::find_by_id(case.return_id).one(db).await?;
        let rental_return = found.ok_or_else(|| gone("return"))?;
        let photos = photo::Entity::find().filter(photo::Column::BookingId.eq(booking.id));
        let audit = audit_log::Entity::find()
            .filter(about([("damage_case", case.id), ("return", rental_return.id), ("booking", booking.id)]))
            .filter(audit_log::Column::Action.ne(EXPORTED));
        let register = damage::Entity::find().filter(damage::Column::ReturnId.eq(case.return_id));
        let deliveries = delivery::Entity::find().filter(delivery::Column::SubjectId.eq(case.return_id));
        let decision = rental_return.decision.as_ref();
        let version = decision.and_then(|decision| i32::try_from(decision["matrixVersion"].as_i64()?).ok());
        let matrix = match version {
            Some(version) => damage_matrix::Entity::find_by_id(version).one(db).await?,
            None => None,
        };
        let mut dossier = Self {
            photos: photos.order_by_asc(photo::Column::Id).all(db).await?,
            audit: audit.order_by_asc(audit_log::Column::Id).all(db).await?,
            register: register.order_by_asc(damage::Column::Id).all(db).await?,
            deliveries: deliveries
                .order_by_asc(delivery::Column::CreatedAt)
                .order_by_asc(delivery::Column::Id)
                .all(db)
                .await?,
            people: Vec::new(),
            case,
            booking,
            rental_return,
            matrix,
        };
        let people = account::Entity::find().filter(account::Column::Id.is_in(dossier.named()));
        dossier.people = people.order_by_asc(account::Column::Id).all(db).await?;
        Ok(dossier)
    }

    /// The sides of which there is a photo of the pick-up.
    pub(super) fn before(&self) -> Vec<Slot> {
        let counts = |photo: &&photo::Model| photo.occasion.0 == Occasion::Pickup && photo.state == photo::ACCEPTED;
        self.photos.iter().filter(counts).map(|photo| photo.slot.0).collect()
    }

    /// Everybody who did something.
    fn named(&self) -> BTreeSet<Uuid> {
        let case = [self.case.decided_by, self.case.settled_by, Some(self.case.customer_id)];
        let photos = self.photos.iter().map(|photo| Some(photo.uploaded_by));
        let audit = self.audit.iter().map(|line| line.actor);
        case.into_iter().chain(photos).chain(audit).flatten().collect()
    }

    /// The name of somebody who did something.
    pub(super) fn name(&self, id: Option<Uuid>) -> &str {
        let Some(id) = id else { return "the platform" };
        self.people.iter().find(|person| person.id == id).map_or("somebody", |person| person.name.as_str())
    }

    /// The whole file, for programs.
    ///
    /// # Errors
    /// When the case holds what nobody can read.
    pub(super) fn json(&self) -> Result<Value, DbErr> {
        let (booking, rental_return) = (&self.booking, &self.rental_return);
        Ok(json!({
            "case": DamageCase::try_from(self.case.clone())?,
            "booking": {
                "id": booking.id, "number": booking.number, "plate": booking.plate, "startsAt": booking.starts_at,
                "endsAt": booking.ends_at, "timeZone": booking.time_zone, "odometerOut": booking.odometer_out_km,
            },
            "return": {
                "id": rental_return.id, "openedBy": rental_return.opened_by, "openedAt": rental_return.opened_at,
                "completedBy": rental_return.completed_by,
                "returnedAt": rental_return.returned_at, "odometer": rental_return.odometer_km,
                "withoutPhotosReason": rental_return.without_photos_reason, "report": rental_return.report,
                "reportedAt": rental_return.reported_at, "decision": rental_return.decision,
            },
            "photos": self.photos.iter().map(photo_json).collect::<Vec<_>>(),
            "disputePhotos": self.case.dispute_photos,
            "damageMatrix": self.matrix.as_ref().map(|matrix| json!({
                "version": matrix.version, "currency": matrix.currency, "lines": matrix.lines,
            })),
            "register": self.register.iter().map(|item| json!({
                "id": item.id, "side": item.side.0, "panel": item.panel.map(|panel| panel.0), "class": item.class.0, "severity": item.severity.0,
                "region": item.region, "photoId": item.photo_id, "recordedBy": item.recorded_by,
                "createdAt": item.created_at,
            })).collect::<Vec<_>>(),
            "audit": self.audit.iter().map(|line| json!({
                "at": line.at, "actor": line.actor, "action": line.action, "subject": line.subject_kind,
                "subjectId": line.subject_id, "detail": line.detail,
            })).collect::<Vec<_>>(),
            "mails": self.deliveries.iter().map(|mail| json!({
                "news": mail.template, "to": mail.account_id, "messageId": mail.message_id, "state": mail.state,
                "detail": mail.detail, "at": mail.created_at,
            })).collect::<Vec<_>>(),
            "people": self.people.iter().map(|person| json!({
                "id": person.id, "name": person.name, "role": person.role.0,
            })).collect::<Vec<_>>(),
        }))
    }
}

/// A photo with its hash and, as raw as it was stored, what the model saw.
fn photo_json(photo: &photo::Model) -> Value {
    json!({
        "id": photo.id, "occasion": photo.occasion.0, "slot": photo.slot.0, "version": photo.version,
        "state": photo.state, "refusal": photo.refusal, "sha256": hash(photo), "size": photo.size,
        "contentType": photo.content_type, "width": photo.width, "height": photo.height, "exif": photo.exif,
        "takenAt": photo.taken_at, "receivedAt": photo.received_at, "uploadedBy": photo.uploaded_by, "ip": photo.ip,
        "userAgent": photo.user_agent, "warnings": photo.warnings, "analysis": photo.analysis,
        "analysisFailure": photo.analysis_failure, "deriveFailure": photo.derive_failure, "comparison": photo.comparison,
    })
}

/// SHA-256 of the original, hexadecimal.
pub(super) fn hash(photo: &photo::Model) -> Option<String> {
    photo.sha256.as_ref().map(hex::encode)
}
