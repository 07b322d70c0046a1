//! Staff act past the order of the queue, and the clock does what is due.

use chrono::{Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::{OffsetComponents, Tz};
use jobs::waitlist::{OfferToEntry, PauseWaitlist, Paused, PrioritizeEntry, ReinstateEntry, RevokeOffer, Target, Wish};
use rules::car::Category;
use sea_orm::EntityTrait;
use tests::{done, refused};
use uuid::Uuid;

use super::yard::{BRANCH, Yard, join};

const REASON: &str = "a breakdown on the way";

#[tokio::test(flavor = "multi_thread")]
async fn staff_offer_to_whom_they_choose_if_the_car_is_free_and_it_is_written_down() {
    let yard = Yard::open().await;
    let (admin, [had, first, second]) = (yard.person("admin").await, yard.customers().await);
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    let (_, chosen) = (yard.wait(first, car, 10, 12).await, yard.wait(second, car, 10, 12).await);
    let offer_to = |entry_id| OfferToEntry {
        offer_id: Uuid::now_v7(),
        entry_id,
        car_id: car,
        offered_by: admin,
        reason: REASON.to_owned(),
    };
    assert_eq!(refused(yard.bed.ask(&offer_to(chosen)).await).code, "car_taken");

    yard.settle().await;
    yard.bed.run(&format!("delete from reservation where booking_id = '{taken}'")).await;
    let asked = offer_to(chosen);
    let offer = done(yard.bed.ask(&asked).await);
    assert_eq!(offer["entryId"], chosen.to_string());
    assert_eq!(done(yard.bed.ask(&asked).await), offer, "twice is once");
    assert_eq!((yard.promote(car).await["offers"].as_i64(), yard.offer().await.entry_id), (Some(0), chosen));
    let audited = "select count(*) from audit_log where action = 'offer_to_entry' and detail->>'reason' <> ''";
    assert_eq!(yard.bed.number(audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_staff_offer_instead_is_not_exactly_what_was_wished_and_says_what_it_is_not() {
    let yard = Yard::open().await;
    let (admin, [had, waits]) = (yard.person("admin").await, yard.customers().await);
    let (car, other, elsewhere) = (yard.car().await, yard.car_of(Category::Suv, 9_000).await, Uuid::now_v7());
    let sql = format!(
        "insert into branch (id, name, time_zone) values ('{elsewhere}', 'Harbour', 'Europe/Berlin');
         update car set branch_id = '{elsewhere}' where id = '{other}'"
    );
    yard.bed.run(&sql).await;
    yard.book(had, car, 10, 12).await;
    let entry = yard.wait(waits, car, 10, 12).await;
    let reason = REASON.to_owned();
    let asked = OfferToEntry { offer_id: Uuid::now_v7(), entry_id: entry, car_id: other, offered_by: admin, reason };
    assert_eq!(done(yard.bed.ask(&asked).await)["exact"], false);

    let offered = entity::car::Entity::find_by_id(other).one(&yard.bed.db).await.unwrap().unwrap();
    let missed = yard.entry(entry).await.missed(&yard.bed.db, &offered).await.unwrap();
    assert!(missed.car.unwrap().starts_with("VW Golf, "));
    assert_eq!((missed.class, missed.branch.as_deref()), (Some(Category::Compact), Some("Main")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_offer_goes_to_the_next_and_its_entry_is_skipped_until_reinstated() {
    let yard = Yard::open().await;
    let (admin, [had, first, second]) = (yard.person("admin").await, yard.customers().await);
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    let (ahead, behind) = (yard.wait(first, car, 10, 12).await, yard.wait(second, car, 10, 12).await);
    yard.cancel(taken, had).await;
    let offer = yard.offer().await;

    let revoke = RevokeOffer { offer_id: offer.id, revoked_by: admin, reason: REASON.to_owned() };
    assert_eq!(done(yard.bed.ask(&revoke).await)["state"], "revoked");
    let next = yard.offer().await;
    assert_eq!((next.entry_id, yard.state(ahead).await.as_str()), (behind, "blocked"));
    assert_eq!(yard.told("offer_revoked", offer.id).await, 1);
    done(yard.decline(&next).await);
    assert_eq!(yard.offers().await.len(), 0, "a blocked entry is not asked");

    let reinstate = ReinstateEntry { entry_id: ahead, reinstated_by: admin, reason: REASON.to_owned() };
    done(yard.bed.ask(&reinstate).await);
    assert_eq!(yard.offer().await.entry_id, ahead, "what is free meanwhile is offered at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn priority_goes_first_and_says_why() {
    let yard = Yard::open().await;
    let (admin, [had, first, second]) = (yard.person("admin").await, yard.customers().await);
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    yard.wait(first, car, 10, 12).await;
    let entry_id = yard.wait(second, car, 10, 12).await;
    let prioritize =
        |priority| PrioritizeEntry { entry_id, priority, prioritized_by: admin, reason: REASON.to_owned() };
    assert_eq!(refused(yard.bed.ask(&prioritize(i32::MIN)).await).code, "validation_failed");
    assert_eq!(done(yard.bed.ask(&prioritize(5)).await)["position"], 1);
    yard.cancel(taken, had).await;
    assert_eq!(yard.offer().await.entry_id, entry_id);
    assert_eq!(yard.bed.number("select count(*) from audit_log where detail->>'to' = '5'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_takes_offers_back_and_nobody_is_asked_until_it_ends() {
    for of_branch in [false, true] {
        let yard = Yard::open().await;
        let (admin, [had, waits]) = (yard.person("admin").await, yard.customers().await);
        let car = yard.car().await;
        let taken = yard.book(had, car, 10, 12).await;
        let entry = yard.wait(waits, car, 10, 12).await;
        yard.cancel(taken, had).await;
        let offer = yard.offer().await;

        let of = if of_branch { Paused::Branch(BRANCH) } else { Paused::Car(car) };
        let pause = |paused| PauseWaitlist { of, paused, paused_by: admin, reason: REASON.to_owned() };
        assert_eq!(done(yard.bed.ask(&pause(true)).await)["offersRevoked"], 1);
        assert_eq!((yard.state(entry).await.as_str(), yard.told("offer_revoked", offer.id).await), ("waiting", 1));
        assert_eq!(refused(yard.accept(&offer).await).code, "already_taken");
        yard.promote(car).await;
        assert_eq!(yard.offers().await.len(), 0);
        done(yard.bed.ask(&pause(false)).await);
        assert_eq!(yard.offer().await.entry_id, entry);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_is_not_in_service_is_offered_to_nobody() {
    let yard = Yard::open().await;
    let [had, waits] = yard.customers().await;
    let car = yard.car().await;
    let taken = yard.book(had, car, 10, 12).await;
    yard.wait(waits, car, 10, 12).await;
    yard.bed.run("update car set status = 'workshop'").await;
    yard.cancel(taken, had).await;
    assert_eq!(yard.offers().await.len(), 0);
    yard.bed.run("update car set status = 'in_service'").await;
    yard.promote(car).await;
    assert_eq!(yard.offers().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_heals_closes_and_expires() {
    let yard = Yard::open().await;
    let [had, waits, late] = yard.customers().await;
    let car = yard.car().await;
    yard.book(had, car, 10, 14).await;
    yard.book(had, car, 15, 17).await;
    let (entry, passed) = (yard.wait(waits, car, 10, 12).await, yard.wait(late, car, 15, 16).await);
    yard.settle().await;
    // Nobody told the queue of either.
    yard.bed.run("delete from reservation where ends_at - starts_at > interval '3 days'").await;
    yard.bed
        .run(&format!("update waitlist_entry set latest_start = now() + interval '59 minutes' where id = '{passed}'"))
        .await;
    let (db, place, stop) = (yard.bed.db.clone(), yard.bed.settings.ticket_place(), yard.bed.stop.clone());
    tokio::spawn(async move { workers::clock::keep_time(&db, &place, 30, stop).await });
    let offered = |count| (format!("select count(*) from waitlist_offer where entry_id = '{entry}'"), count);
    yard.bed.until(&offered(1).0, 1).await;
    yard.bed.until(&format!("select count(*) from waitlist_entry where id = '{passed}' and state = 'closed'"), 1).await;
    assert_eq!(yard.told("waitlist_closed", passed).await, 1);

    // An offer whose job was lost ends all the same.
    let offer = yard.offer().await;
    yard.bed.run(&format!("delete from job where kind = 'expire_offer' and dedupe_key = '{}'", offer.id)).await;
    yard.run_out(offer.id).await;
    yard.bed
        .until(&format!("select count(*) from waitlist_offer where id = '{}' and state = 'expired'", offer.id), 1)
        .await;
    yard.settle().await;
    let rounds = "select count(*) - count(distinct dedupe_key) from job where kind = 'promote_waitlist' and dedupe_key is not null";
    assert_eq!(yard.bed.number(rounds).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn inside_the_last_two_hours_everybody_hears_a_final_call_once_and_nothing_is_held() {
    let yard = Yard::open().await;
    let [had, first, second] = yard.customers().await;
    let car = yard.car().await;
    let (start, end) = (Utc::now() + TimeDelta::minutes(100), Utc::now() + TimeDelta::minutes(1_500));
    let taken = super::yard::booking(had, car, start, end);
    done(yard.bed.ask(&taken).await);
    let wish = Wish::Window { start, end, flexibility_minutes: 0, min_days: None };
    let target = Target::Car { car_id: car };
    let (a, b) = (join(first, target.clone(), wish.clone()), join(second, target, wish));
    let entries = [yard.join(a).await, yard.join(b).await];
    yard.cancel(taken.booking_id, had).await;
    yard.settle().await;
    // Nothing is booked behind the free time: it ends with the horizon, which has moved on when they look again.
    let called = "select count(*) from job where kind = 'announce' and payload->>'news' = 'final_call'
                  and created_at < clock_timestamp() - interval '1 second'";
    yard.bed.until(called, 2).await;
    yard.promote(car).await;
    assert_eq!(yard.offers().await.len(), 0);
    for entry in entries {
        assert_eq!((yard.told("final_call", entry).await, yard.state(entry).await.as_str()), (1, "waiting"));
    }
    done(yard.bed.ask(&super::yard::booking(second, car, start, end)).await);
}

/// The next two days on which the clocks of a zone change.
fn changes(zone: Tz) -> Vec<NaiveDate> {
    let offset = |day: NaiveDate| {
        let noon = day.and_hms_opt(12, 0, 0).unwrap().and_local_timezone(zone).unwrap();
        let offset = noon.offset();
        offset.base_utc_offset() + offset.dst_offset()
    };
    let days = Utc::now().date_naive().iter_days().skip(3).take(355);
    days.filter(|day| offset(*day) != offset(day.pred_opt().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn across_both_clock_changes_an_offer_costs_a_day_per_day_on_the_wall() {
    // The last has its summer in January, and changes by half an hour.
    for zone in [Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe] {
        across_changes(zone).await;
    }
}

async fn across_changes(zone: Tz) {
    let yard = Yard::open().await;
    let [had, waits] = yard.customers().await;
    yard.bed.run(&format!("update branch set time_zone = '{zone}'")).await;
    let car = yard.car().await;
    let changes = changes(zone);
    assert_eq!(changes.len(), 2, "{changes:?}");
    for change in changes {
        let at = |day: NaiveDate| day.and_hms_opt(10, 0, 0).unwrap().and_local_timezone(zone).unwrap().to_utc();
        let (start, end) = (at(change.pred_opt().unwrap()), at(change.succ_opt().unwrap()));
        assert_ne!(end - start, TimeDelta::days(2), "the clocks change in {}", change.month());
        let taken = super::yard::booking(had, car, start, end);
        done(yard.bed.ask(&taken).await);
        let wish = Wish::Window { start, end, flexibility_minutes: 0, min_days: None };
        yard.join(join(waits, Target::Car { car_id: car }, wish)).await;
        yard.cancel(taken.booking_id, had).await;
        let offer = yard.offer().await;
        assert_eq!((offer.exact, offer.total, offer.quote.0.days), (true, 11_900, 2));
        assert_eq!(offer.time_zone, zone.name());
        done(yard.accept(&offer).await);
    }
}
