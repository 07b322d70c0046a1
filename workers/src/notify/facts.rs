//! What the mails tell, read from the database when they are made: a follow-up
//! carries ids, so it never tells what has changed since.

mod before;
mod claimed;
mod newcomer;
mod offered;
mod rental;
mod returned;
mod waiting;

use chrono::{DateTime, Utc};
use entity::account;
use jobs::notify::News;
use rules::{
    booking::BookingStatus,
    damage::CaseState,
    rental::{ReturnState, Verdict, overdue::is_overdue},
    waitlist::{EntryState, OfferState},
};
use sea_orm::{DatabaseConnection, QuerySelect, Select};
use serde::Serialize;
use uuid::Uuid;

use crate::Context;

#[cfg(test)]
pub(crate) use before::Before;
pub(crate) use claimed::Claimed;
pub(crate) use newcomer::Newcomer;
pub(crate) use offered::Offered;
pub(crate) use rental::{PriceLine, Rental};
pub(crate) use returned::{Item, Next, Returned, Shot};
pub(crate) use waiting::Waiting;

/// Somebody who has an account.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Person {
    pub(crate) id: Uuid,
    pub(crate) name: String,
}

/// The subject of some news.
pub(crate) enum Facts {
    Account(Newcomer),
    Booking(Box<Rental>),
    Return(Box<Returned>),
    Entry(Box<Waiting>),
    Offer(Box<Offered>),
}

impl From<account::Model> for Person {
    fn from(account: account::Model) -> Self {
        Self { id: account.id, name: account.name }
    }
}

impl Facts {
    /// Everything the news can need; `None` when its subject is gone.
    ///
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub(crate) async fn load(context: &Context, news: News, subject: Uuid, turn: i32) -> anyhow::Result<Option<Self>> {
        let db = &context.db;
        let booking = |rental| Self::Booking(Box::new(rental));
        let entry = |waiting| Self::Entry(Box::new(waiting));
        Ok(match news {
            News::AccountRegistered => Newcomer::load(db, subject).await?.map(Self::Account),
            News::BookingConfirmed => Rental::load_confirmed(db, subject).await?.map(booking),
            News::BookingChanged | News::BookingMoved => Rental::load_changed(db, subject, turn).await?.map(booking),
            News::BookingCancelled | News::BookingNoShow | News::ReturnDueSoon | News::ReturnOverdue => {
                Rental::load(db, subject).await?.map(booking)
            }
            News::ConflictUnresolved | News::CarOverdue | News::OverdueEscalated => {
                Rental::load_for_staff(db, news, subject).await?.map(booking)
            }
            News::ReturnReceived
            | News::ReturnReported
            | News::DecisionDue
            | News::DecisionOverdue
            | News::ReturnCleared
            | News::DamageConfirmed
            | News::DamageUntold
            | News::DamageDisputed
            | News::DamageSettled
            | News::PhotosWanted => Returned::load(db, subject).await?.map(|returned| Self::Return(Box::new(returned))),
            News::FinalCall => Waiting::load_called(context, subject).await?.map(entry),
            News::WaitlistJoined | News::WaitlistLapsed | News::WaitlistClosed => {
                Waiting::load(db, subject).await?.map(entry)
            }
            News::OfferMade | News::OfferReminder | News::OfferExpired | News::OfferDeclined | News::OfferRevoked => {
                Offered::load(db, subject).await?.map(|offered| Self::Offer(Box::new(offered)))
            }
        })
    }

    /// Why the news is none any more: telling it now would only confuse. `turn` is that of the announcement.
    pub(crate) fn outdated(&self, news: News, turn: i32, now: DateTime<Utc>) -> Option<&'static str> {
        let holds = match (news, self) {
            (News::BookingConfirmed | News::BookingChanged | News::BookingMoved, Self::Booking(rental)) => {
                rental.status.holds_time() && !rental.overtaken
            }
            (News::BookingCancelled, Self::Booking(rental)) => rental.status == BookingStatus::Cancelled,
            (News::BookingNoShow, Self::Booking(rental)) => rental.status == BookingStatus::NoShow,
            (News::ConflictUnresolved, Self::Booking(rental)) => {
                rental.status == BookingStatus::Confirmed && (rental.conflict == Some(turn) || rental.is_withheld)
            }
            (News::ReturnDueSoon, Self::Booking(rental)) => {
                rental.status == BookingStatus::Active && now < rental.ends.at
            }
            (News::ReturnOverdue | News::CarOverdue | News::OverdueEscalated, Self::Booking(rental)) => {
                is_overdue(rental.status, rental.ends.at, now)
            }
            (News::ReturnReported | News::DecisionDue, Self::Return(returned)) => {
                returned.state == ReturnState::Reported && returned.turn == turn
            }
            (News::DecisionOverdue, Self::Return(returned)) => {
                // Better photos that never came leave what there is to decide on.
                let waits = matches!(returned.state, ReturnState::Reported | ReturnState::AwaitingPhotos);
                waits && returned.turn == turn
            }
            (News::ReturnCleared, Self::Return(returned)) => returned.verdict == Some(Verdict::Clear),
            (News::DamageConfirmed, Self::Return(returned)) => {
                returned.case_is(&[CaseState::Confirmed, CaseState::Notified])
            }
            (News::DamageUntold, Self::Return(returned)) => returned.case_is(&[CaseState::Confirmed]),
            (News::DamageDisputed, Self::Return(returned)) => returned.case_is(&[CaseState::Disputed]),
            (News::DamageSettled, Self::Return(returned)) => returned.case.as_ref().is_some_and(|case| case.is_settled),
            (News::PhotosWanted, Self::Return(returned)) => returned.state == ReturnState::AwaitingPhotos,
            (News::WaitlistJoined, Self::Entry(waiting)) => waiting.state.is_active(),
            (News::FinalCall, Self::Entry(waiting)) => waiting.state == EntryState::Waiting && waiting.is_bookable,
            (News::WaitlistLapsed, Self::Entry(waiting)) => waiting.state == EntryState::Lapsed,
            (News::WaitlistClosed, Self::Entry(waiting)) => waiting.state == EntryState::Closed,
            (News::OfferMade | News::OfferReminder, Self::Offer(offered)) => offered.is_live(now),
            (News::OfferExpired, Self::Offer(offered)) => offered.state == OfferState::Expired,
            (News::OfferRevoked, Self::Offer(offered)) => offered.state == OfferState::Revoked,
            (News::AccountRegistered, Self::Account(_))
            | (News::ReturnReceived, Self::Return(_))
            | (News::OfferDeclined, Self::Offer(_)) => true,
            _ => false,
        };
        (!holds).then_some("it is no longer so")
    }

    /// The accounts that hear of it.
    pub(crate) fn recipients(&self, news: News) -> Vec<Uuid> {
        match self {
            Self::Return(returned) if news.is_for_staff() => {
                returned.asked(news).iter().map(|person| person.id).collect()
            }
            Self::Account(newcomer) => vec![newcomer.id],
            Self::Booking(rental) if news.is_for_staff() => rental.staff.iter().map(|person| person.id).collect(),
            Self::Booking(rental) => vec![rental.customer.id],
            Self::Return(returned) => vec![returned.rental.customer.id],
            Self::Entry(waiting) => vec![waiting.customer.id],
            Self::Offer(offered) => vec![offered.waiting.customer.id],
        }
    }
}

/// Ids and names of accounts.
async fn people(db: &DatabaseConnection, accounts: Select<account::Entity>) -> anyhow::Result<Vec<Person>> {
    let columns = [account::Column::Id, account::Column::Name];
    let rows: Vec<(Uuid, String)> = accounts.select_only().columns(columns).into_tuple().all(db).await?;
    Ok(rows.into_iter().map(|(id, name)| Person { id, name }).collect())
}
