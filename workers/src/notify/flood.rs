//! Whether somebody hears of every change of their bookings, or of what the changes come to.

use std::time::Duration;

use entity::delivery;
use jobs::notify::{News, SendMail};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, sea_query::Expr};

use crate::Work;

/// So many mails about changes within an hour, whoever makes them: the address need not be proved.
const MOST_CHANGES: u64 = 10;

/// Before the hour is looked at again. What is overtaken by another change meanwhile is not told.
pub(super) const PAUSE: Duration = Duration::from_secs(300);

/// Whether this mail is one change too many for now.
pub(super) async fn waits(work: &Work, asked: &SendMail) -> Result<bool, DbErr> {
    if asked.news != News::BookingChanged {
        return Ok(false);
    }
    let told = delivery::Entity::find()
        .filter(delivery::Column::AccountId.eq(asked.account_id))
        // As the index says it.
        .filter(Expr::cust("template in ('booking_changed', 'booking_moved')"))
        .filter(Expr::cust("created_at > now() - interval '1 hour'"));
    Ok(told.count(work.db()).await? >= MOST_CHANGES)
}
