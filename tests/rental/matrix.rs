//! What damage usually costs is suggested, and only when the model is sure.

use jobs::{Queue, damage::ReplaceDamageMatrix};
use reqwest::Method;
use rules::{
    damage::{Class, MatrixLine, Severity},
    money::Currency,
};
use serde_json::json;
use tests::{
    House, done,
    house::{send, with},
};

use super::{lot::Lot, scratched};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_of_the_matrix_counts_for_the_next_report() {
    let lot = Lot::open().await;
    let line = MatrixLine { panel: None, class: Class::Scratch, severity: Severity::Minor, amount: 9_900 };
    let replace = ReplaceDamageMatrix { currency: Currency::EUR, lines: vec![line], replaced_by: lot.admin };
    assert_eq!(done(lot.ask(&replace).await)["version"], 2);

    done(lot.pick_up(&super::lot::round(1)).await);
    let return_id = lot.bring(&scratched(2)).await;
    done(lot.ask(&lot.give_back(return_id)).await);
    let report = lot.report(return_id).await;
    assert_eq!(
        (&report["matrixVersion"], &report["findings"][0]["suggestedEstimate"]["amount"]),
        (&json!(2), &json!(9_900))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_reads_and_replaces_the_matrix_and_hears_of_every_wrong_line() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, manager) = (house.staff("admin").await, house.staff("fleet_manager").await);
    let path = "/api/v1/admin/damage-matrix";
    let first = house.get(path, Some(&admin)).await;
    assert_eq!((first.status.as_u16(), &first.body["version"]), (200, &json!(1)));
    assert_eq!(house.get(path, Some(&manager)).await.status, 403);

    let put = |body| send(with(house.ask(Method::PUT, path), Some(&admin)).json(&body));
    let dent = json!({ "class": "dent", "severity": "minor", "amount": 100 });
    let wrong = put(
        json!({ "currency": "EUR", "lines": [dent, dent, { "class": "dent", "severity": "severe", "amount": -1 }] }),
    )
    .await;
    assert_eq!(wrong.code(), "validation_failed");
    assert_eq!(
        (&wrong.body["errors"][0]["pointer"], &wrong.body["errors"][1]["pointer"]),
        (&json!("/lines/1"), &json!("/lines/2"))
    );

    let (one, other) = futures::join!(
        put(json!({ "currency": "EUR", "lines": [dent] })),
        put(json!({ "currency": "EUR", "lines": [] }))
    );
    let mut versions = [one.body["version"].as_i64(), other.body["version"].as_i64()];
    versions.sort_unstable();
    assert_eq!(versions, [Some(2), Some(3)], "{one:?} {other:?}");
    let audited =
        format!("select count(*) from audit_log where action = 'replace_damage_matrix' and actor = '{}'", admin.id);
    assert_eq!(house.bed.number(&audited).await, 2);
}
