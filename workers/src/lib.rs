//! How what was asked is done: one module per subject, the same subjects as in
//! `jobs`, and one binary per pool under `src/bin/`.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at a surprise"))]

mod account;
mod argument;
mod audit;
mod booking;
mod branch;
mod calendar;
mod car;
pub mod clock;
mod context;
pub mod damage;
mod detector;
pub mod evaluation;
mod link;
mod mailer;
mod notify;
mod perform;
mod photo;
mod pool;
mod registry;
mod rental;
mod reservation;
pub mod vision;
mod waitlist;

use jobs::{
    Queue,
    account::{AddStaff, ChangeProfile, RegisterAccount},
    booking::{
        CancelBooking, ChangeBooking, CheckOverdue, EscalateOverdue, ExtendBooking, ReleaseNoShow, RequestBooking,
        ResolveConflict,
    },
    car::{AddBranch, AddCar, BlockCar, ChangeCar, RetireCar, UnblockCar},
    damage::{AcceptDamage, DisputeDamage, EndDisputeWindow, ExportEvidence, ReplaceDamageMatrix, SettleDamage},
    notify::{Announce, ReadNotification, SendDigest, SendMail},
    photo::{DetectDamage, ForgetUploads, MakeThumbnails},
    rental::{DecideReturn, OpenReturn, PickUpCar, ReportReturn, ReturnCar},
    waitlist::{
        AcceptOffer, BookFreeTime, CloseEntry, DeclineOffer, ExpireOffer, JoinWaitlist, LeaveWaitlist, OfferToEntry,
        PauseWaitlist, PrioritizeEntry, PromoteWaitlist, ReinstateEntry, RejoinWaitlist, RevokeOffer,
    },
};
use platform::probe::Probe;

use audit::{audit, audit_with};
pub use context::Context;
pub use detector::{DetectorSettings, DetectorSlot};
pub use mailer::Mailer;
pub use perform::{Ending, Finished, JobError, Perform, PerformTogether, Work};
pub use pool::Pool;
pub use registry::{Performer, Registry};
pub use waitlist::WAITLIST_QUEUE;

/// Every kind of job and the code behind it.
pub fn registry() -> Registry {
    Registry::default()
        .with::<RegisterAccount>()
        .with::<AddStaff>()
        .with::<ChangeProfile>()
        .with::<AddBranch>()
        .with::<AddCar>()
        .with::<ChangeCar>()
        .with::<RetireCar>()
        .with::<BlockCar>()
        .with::<UnblockCar>()
        .with_groups::<RequestBooking>()
        .with::<ChangeBooking>()
        .with::<ExtendBooking>()
        .with::<CancelBooking>()
        .with::<ReleaseNoShow>()
        .with::<CheckOverdue>()
        .with::<EscalateOverdue>()
        .with::<ResolveConflict>()
        .with::<Announce>()
        .with::<SendMail>()
        .with::<SendDigest>()
        .with::<ReadNotification>()
        .with::<MakeThumbnails>()
        .with::<DetectDamage>()
        .with::<ForgetUploads>()
        .with::<PickUpCar>()
        .with::<OpenReturn>()
        .with::<ReturnCar>()
        .with::<ReportReturn>()
        .with::<DecideReturn>()
        .with::<ReplaceDamageMatrix>()
        .with::<AcceptDamage>()
        .with::<DisputeDamage>()
        .with::<EndDisputeWindow>()
        .with::<ExportEvidence>()
        .with::<SettleDamage>()
        .with::<JoinWaitlist>()
        .with::<LeaveWaitlist>()
        .with::<RejoinWaitlist>()
        .with::<PromoteWaitlist>()
        .with::<AcceptOffer>()
        .with::<BookFreeTime>()
        .with::<DeclineOffer>()
        .with::<ExpireOffer>()
        .with::<CloseEntry>()
        .with::<OfferToEntry>()
        .with::<PrioritizeEntry>()
        .with::<RevokeOffer>()
        .with::<ReinstateEntry>()
        .with::<PauseWaitlist>()
}

/// The whole life of a pool's process.
///
/// # Errors
/// Names every setting that is wrong, or an address that cannot be listened on.
pub async fn run(queue: Queue) -> anyhow::Result<()> {
    argument::check(format!("A worker of Forecourt: does the jobs of the queue `{queue}`."));
    platform::log::start();
    platform::metric::start();
    let (context, concurrency) = Context::from_env(queue).await?;
    let stop = platform::signal::stop_token()?;
    if let Some(listen) = context.settings.probe_listen {
        Probe::new(context.db.clone(), stop.clone()).serve(listen).await?;
    }
    if let Some(reason) = context.detector.missing() {
        tracing::warn!(reason, "photos will not be analysed");
    }
    let grace = context.settings.shutdown_grace;
    Pool::serve(queue, concurrency, context, registry(), stop, grace).await?;
    tracing::info!(%queue, "stopped");
    Ok(())
}
