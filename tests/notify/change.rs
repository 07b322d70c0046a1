//! Changes of a booking that are told late, together or too often.

use jobs::notify::News;
use tests::Bed;

use super::story::{Story, mails_to};

impl Story {
    /// The booking lies ahead, and its customer has moved its end by a day and then by another one.
    async fn changed_twice(&self) {
        let Self { bed, booking, .. } = self;
        bed.run(&format!(
            "update booking set status = 'Confirmed', starts_at = '2030-05-04 08:00Z', ends_at = '2030-05-08 08:00Z',
                    total = 30000, version = 3;
             insert into booking_change (booking_id, version, car_id, plate, starts_at, ends_at, time_zone, quote, total,
                                         currency, reason)
             select id, version, car_id, plate, starts_at, ends_at + days, time_zone, quote, total + 100 * version, currency,
                    'asked'
             from (select id, change as version, car_id, plate, starts_at, ends_at, time_zone, quote, total, currency,
                          (change - 3) * interval '1 day' as days
                   from booking, generate_series(1, 2) as change where id = '{booking}') as before"
        ))
        .await;
    }

    async fn change_told(&self, turn: i32) {
        self.announce_turn(News::BookingChanged, self.booking, turn).await;
    }
}

async fn skipped(bed: &Bed, count: i64) {
    let skipped = "select count(*) from job where outcome->'document'->>'skipped' = 'it is no longer so'";
    bed.until(skipped, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_that_come_late_the_last_tells_all_and_no_confirmation_follows() {
    let story = Story::new().await;
    story.changed_twice().await;
    story.tell().await;
    story.change_told(2).await;
    skipped(&story.bed, 1).await;
    story.change_told(3).await;
    story.mailed(1).await;
    let mails = mails_to(story.customer).await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    let text = mail.text.as_ref().unwrap();
    assert!(text.contains("Before: Sat 4 May 2030, 10:00 CEST to Mon 6 May 2030"), "from what was told last: {text}");

    story.announce(News::BookingConfirmed, story.booking).await;
    skipped(&story.bed, 2).await;
    assert_eq!(mails_to(story.customer).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_tells_the_step_from_the_one_that_was_told_before() {
    let story = Story::new().await;
    story.changed_twice().await;
    let told = format!(
        "insert into delivery (id, account_id, channel, template, subject_id, turn, message_id, state, job_id)
         values (gen_random_uuid(), '{}', 'mail', 'booking_changed', '{}', 2, 'two', 'sent', gen_random_uuid())",
        story.customer, story.booking
    );
    story.bed.run(&told).await;
    story.tell().await;
    story.change_told(3).await;
    story.mailed(1).await;
    let text = mails_to(story.customer).await[0].text.clone().unwrap();
    assert!(text.contains("Before: Sat 4 May 2030, 10:00 CEST to Tue 7 May 2030"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_heard_of_many_changes_within_an_hour_hears_of_the_next_later() {
    let story = Story::new().await;
    story.changed_twice().await;
    let heard = format!(
        "insert into delivery (id, account_id, channel, template, subject_id, turn, message_id, state, job_id)
         select gen_random_uuid(), '{}', 'mail', 'booking_changed', gen_random_uuid(), 1, 'heard ' || n, 'sent', gen_random_uuid()
         from generate_series(1, 10) as n",
        story.customer
    );
    story.bed.run(&heard).await;
    story.tell().await;
    story.change_told(3).await;
    let put_off = "select count(*) from job where kind = 'send_mail' and state = 'ready' and run_at > now() + interval '4 minutes'";
    story.bed.until(put_off, 1).await;
    assert!(mails_to(story.customer).await.is_empty());

    story.bed.run("update delivery set created_at = created_at - interval '1 hour'").await;
    story.bed.run("update job set run_at = now() where kind = 'send_mail'").await;
    story.mailed(1).await;
    assert_eq!(mails_to(story.customer).await.len(), 1);
}
