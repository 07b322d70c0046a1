//! The core of the matrix with every test run; `bin/faults` plays all of it.

use fault::{
    ground::{Ground, Programs},
    run::{Wishes, run},
    scenario, table,
};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_doubled_or_contradicted() {
    let ground = Ground::open(Programs::find().expect("the programs are built")).await.expect("the servers come up");
    let mut reports = Vec::new();
    for row in scenario::short() {
        let wishes = Wishes { seed: 2027, ..Wishes::default() };
        reports.push(run(&ground, &row, &wishes).await.expect("the platform comes up"));
    }
    ground.services.stop().await;
    assert!(reports.iter().all(|report| report.counts.holds()), "\n{}", table::scenarios(&reports));
}
