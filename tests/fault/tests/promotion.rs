//! The race for freed time, with promoters that die; its programs are built by `bin/test`.

use fault::{
    ground::{Ground, Programs},
    run::{Wishes, run},
    scenario, table,
};

#[tokio::test(flavor = "multi_thread")]
async fn freed_time_has_one_winner_who_is_told_once_wherever_the_promoter_dies() {
    let programs = Programs::find().expect("the programs are built");
    assert!(programs.faults.is_some(), "the programs with crash points are built by bin/test");
    let ground = Ground::open(programs).await.expect("the servers come up");
    let mut reports = Vec::new();
    for row in scenario::all().into_iter().filter(|row| row.is("promotion")) {
        let wishes = Wishes { seed: 2027, ..Wishes::default() };
        reports.push(run(&ground, &row, &wishes).await.expect("the platform comes up"));
    }
    ground.services.stop().await;
    assert_eq!(reports.len(), 1);
    assert!(reports.iter().all(|report| report.counts.holds()), "\n{}", table::scenarios(&reports));
}
