//! What staff see of the queues and do past their order. Every act has a reason and is written down by its job.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use entity::{
    account, car,
    waitlist_entry::{Column, Entity, Model},
};
use jobs::waitlist::{OfferToEntry, PauseWaitlist, Paused, PrioritizeEntry, ReinstateEntry, RevokeOffer};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rules::{car::Category, waitlist::EntryState};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value,
    sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;
use view::{
    Word,
    waitlist::{Entry, Offer},
};

use super::{
    documents,
    explain::{Explanation, explanation},
};
use crate::{
    Tag,
    accept::{Asking, Key, Written, job_for},
    account::Reasons,
    auth::{Caller, WaitlistManage},
    error::ApiError,
    front::Front,
    listing::{Cursor, Page, limit},
    shape::Shaped,
};

/// What a cursor of its list is one of.
const LIST: &str = "queue";

/// Why a member of staff acts. People read it later.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct Reason {
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: String,
}

/// Which car an entry is offered.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct Offering {
    car_id: Uuid,
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: String,
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct Priority {
    /// 0 is usual; whoever has more is asked first.
    priority: i32,
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: String,
}

/// A car or a branch whose time nobody is offered for a while.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct Pause {
    car_id: Option<Uuid>,
    branch_id: Option<Uuid>,
    /// `false` lets it go on.
    paused: bool,
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: String,
}

/// What a pause came to.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct PauseDone {
    paused: bool,
    /// Live offers that were taken back; their holders are told.
    offers_revoked: u64,
}

/// A place in a queue as staff see it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct QueueEntry {
    #[oai(flatten)]
    entry: Entry,
    customer: Customer,
    priority: i32,
    priority_reason: Option<String>,
}

#[derive(Clone, Debug, Object)]
struct Customer {
    id: Uuid,
    name: String,
    email: String,
}

pub struct StaffWaitlistApi;

#[OpenApi(prefix_path = "/api/v1/admin", tag = "Tag::Waitlist")]
impl StaffWaitlistApi {
    /// List a queue
    ///
    /// In the order in which people are asked. With `carId`, everybody whom that car can serve, those who wait for
    /// its class included. Without `state`, everybody who still waits.
    #[expect(clippy::too_many_arguments, reason = "each is one filter of the query string")]
    #[oai(path = "/waitlist", method = "get", operation_id = "listQueue")]
    async fn queue(
        &self,
        front: Data<&Arc<Front>>,
        _caller: Caller<WaitlistManage>,
        #[oai(name = "carId")] car_id: Query<Option<Uuid>>,
        #[oai(name = "branchId")] branch_id: Query<Option<Uuid>>,
        category: Query<Option<Word<Category>>>,
        state: Query<Option<Word<EntryState>>>,
        #[oai(name = "limit", validator(minimum(value = "1"), maximum(value = "100")))] asked: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<QueueEntry>>, ApiError> {
        let limit = limit(asked.0);
        let place = "(-priority, seq) > (select -last.priority, last.seq from waitlist_entry last where last.id = $1)";
        let after = Cursor::read(LIST, cursor.0.as_deref())?
            .map(|last: Cursor| Expr::cust_with_values(place, [Value::from(last.id)]));
        let serves = match car_id.0 {
            Some(id) => Some(served_by(&front.db, id).await?),
            None => None,
        };
        let still = [EntryState::Waiting, EntryState::Offered, EntryState::Blocked].map(EntryState::as_str);
        let of_branch = "branch_id = $1 or car_id in (select id from car where branch_id = $1)";
        let wanted = Condition::all()
            .add(state.0.map_or_else(|| Column::State.is_in(still), |state| Column::State.eq(state.0.as_str())))
            .add_option(serves)
            .add_option(branch_id.0.map(|id| Expr::cust_with_values(of_branch, [Value::from(id)])))
            .add_option(category.0.map(|category| Column::Category.eq(category.0.as_str())))
            .add_option(after);
        let query = Entity::find().filter(wanted).order_by_desc(Column::Priority).order_by_asc(Column::Seq);
        let rows = query.limit(limit + 1).all(&front.db).await?;
        let entries = queue_entries(&front.db, rows).await?;
        let cursor = |row: &QueueEntry| Cursor { at: row.entry.created_at, id: row.entry.id };
        Ok(Json(Page::cut(LIST, entries, limit, cursor, |entry| entry)))
    }

    /// Explain a queue
    ///
    /// For the time of a car, per entry, why it was or was not served: `fared` for programs, `why` in words.
    #[oai(path = "/waitlist/explain", method = "get", operation_id = "explainQueue")]
    async fn explain(
        &self,
        front: Data<&Arc<Front>>,
        _caller: Caller<WaitlistManage>,
        #[oai(name = "carId")] car_id: Query<Uuid>,
        from: Query<DateTime<Utc>>,
        to: Query<DateTime<Utc>>,
    ) -> Result<Json<Explanation>, ApiError> {
        let mut reasons = Reasons::default();
        let period = reasons.period(("/from", from.0), ("/to", to.0)).ok_or_else(|| reasons.into_error())?;
        Ok(Json(explanation(&front.db, car_id.0, period, front.settings.shared.waitlist_terms).await?))
    }

    /// Offer a car to somebody
    ///
    /// Past the order of the queue, but never what is taken: `409 car_taken`.
    #[oai(path = "/waitlist/:id/offer", method = "post", operation_id = "offerToEntry")]
    async fn offer(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistManage>,
        asking: Asking,
        id: Path<Uuid>,
        Shaped(body): Shaped<Offering>,
    ) -> Result<Written<Offer>, ApiError> {
        let same = json!({ "entryId": id.0, "carId": body.car_id, "reason": body.reason });
        let offer = OfferToEntry {
            offer_id: Uuid::now_v7(),
            entry_id: id.0,
            car_id: body.car_id,
            offered_by: caller.account_id,
            reason: body.reason,
        };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &offer, &same)?;
        front.write(&asking, job).await?.created(&asking, "/api/v1/offers")
    }

    /// Move somebody up or down
    #[oai(path = "/waitlist/:id/priority", method = "post", operation_id = "prioritizeEntry")]
    async fn prioritize(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistManage>,
        asking: Asking,
        id: Path<Uuid>,
        Shaped(body): Shaped<Priority>,
    ) -> Result<Written<Entry>, ApiError> {
        let (entry_id, prioritized_by) = (id.0, caller.account_id);
        let prioritize = PrioritizeEntry { entry_id, priority: body.priority, prioritized_by, reason: body.reason };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &prioritize, &json!(prioritize))?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// Let somebody wait again
    ///
    /// In the old place, after an offer was taken back.
    #[oai(path = "/waitlist/:id/reinstate", method = "post", operation_id = "reinstateEntry")]
    async fn reinstate(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistManage>,
        asking: Asking,
        id: Path<Uuid>,
        Shaped(body): Shaped<Reason>,
    ) -> Result<Written<Entry>, ApiError> {
        let reinstate = ReinstateEntry { entry_id: id.0, reinstated_by: caller.account_id, reason: body.reason };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &reinstate, &json!(reinstate))?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// Take an offer back
    ///
    /// The person is told, and not asked again until they are reinstated.
    #[oai(path = "/offers/:id/revoke", method = "post", operation_id = "revokeOffer")]
    async fn revoke(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistManage>,
        asking: Asking,
        id: Path<Uuid>,
        Shaped(body): Shaped<Reason>,
    ) -> Result<Written<Offer>, ApiError> {
        let revoke = RevokeOffer { offer_id: id.0, revoked_by: caller.account_id, reason: body.reason };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &revoke, &json!(revoke))?;
        front.write(&asking, job).await?.ok(&asking)
    }

    /// Pause the waitlist of a car or a branch
    ///
    /// Live offers are taken back and their holders told; everybody keeps the place.
    #[oai(path = "/waitlist/pause", method = "post", operation_id = "pauseWaitlist")]
    async fn pause(
        &self,
        front: Data<&Arc<Front>>,
        caller: Caller<WaitlistManage>,
        asking: Asking,
        Shaped(body): Shaped<Pause>,
    ) -> Result<Written<PauseDone>, ApiError> {
        let of = match (body.car_id, body.branch_id) {
            (Some(car), None) => Paused::Car(car),
            (None, Some(branch)) => Paused::Branch(branch),
            _ => {
                let mut reasons = Reasons::default();
                reasons.add("/carId", "give either carId or branchId");
                return Err(reasons.into_error());
            }
        };
        let pause = PauseWaitlist { of, paused: body.paused, paused_by: caller.account_id, reason: body.reason };
        let job = job_for(&asking, Key::Optional, Some(caller.account_id), &pause, &json!(pause))?;
        front.write(&asking, job).await?.ok(&asking)
    }
}

/// Those whom this car can serve: they wait for it, for its class where it stands, or for a lesser
/// class there and welcome a better one.
pub(super) async fn served_by(db: &DatabaseConnection, id: Uuid) -> Result<Condition, ApiError> {
    let car = car::Entity::find_by_id(id).one(db).await?.ok_or_else(ApiError::not_found)?;
    let lesser = Category::ALL.iter().filter(|class| **class < car.category.0).map(|class| class.as_str());
    let of_class = Condition::any()
        .add(Column::Category.eq(car.category.0.as_str()))
        .add(Condition::all().add(Column::OrBetter.eq(true)).add(Column::Category.is_in(lesser)));
    let at_branch = Condition::all().add(Column::BranchId.eq(car.branch_id)).add(of_class);
    Ok(Condition::any().add(Column::CarId.eq(id)).add(at_branch))
}

async fn queue_entries(db: &DatabaseConnection, rows: Vec<Model>) -> Result<Vec<QueueEntry>, ApiError> {
    let people = account::Entity::find().filter(account::Column::Id.is_in(rows.iter().map(|row| row.customer_id)));
    let customer = |row: account::Model| (row.id, Customer { id: row.id, name: row.name, email: row.email });
    let people: HashMap<Uuid, Customer> = people.all(db).await?.into_iter().map(customer).collect();
    let given: Vec<_> = rows.iter().map(|row| (row.priority, row.priority_reason.clone())).collect();
    let entries = documents(db, rows).await?.into_iter().zip(given);
    let queue = entries.filter_map(|(entry, (priority, priority_reason))| {
        let customer = people.get(&entry.user_id)?.clone();
        Some(QueueEntry { entry, customer, priority, priority_reason })
    });
    Ok(queue.collect())
}
