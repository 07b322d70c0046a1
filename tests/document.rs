//! Requests made from the OpenAPI document, most of them wrong somewhere: every answer is one that the document has.

mod client;
pub(crate) mod operation;
mod schema;

use std::collections::BTreeMap;

use jobs::Queue;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tests::{
    House,
    house::{Answer, noon, send, with},
};
use uuid::Uuid;

use self::{client::Client, operation::operations, schema::Document};

const SEED: u64 = 3;
const REQUESTS: usize = 1_500;

/// What ends the session that the test goes on with.
const LAST: [&str; 4] = ["logout", "closeSession", "closeSessions", "refresh"];

/// What is wrong with an answer.
fn wrong(document: &Document, operation: &Value, answer: &Answer) -> Vec<String> {
    let response = &operation["responses"][answer.status.as_str()];
    if answer.status.is_server_error() {
        return vec!["that is no fault of the client's".to_owned()];
    }
    if response.is_null() {
        return vec!["this status is not in the document".to_owned()];
    }
    let content = response["content"].as_object().and_then(|content| content.iter().next());
    let Some((_, content)) = content.filter(|_| !answer.body.is_null() && answer.body != "") else { return Vec::new() };
    document.against(&content["schema"], &answer.body, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_the_answer_is_in_the_document() {
    let house = House::open(&[Queue::Booking, Queue::Waitlist]).await;
    let (admin, customer, other) = (house.staff("admin").await, house.customer().await, house.customer().await);
    let document = Document(house.get("/openapi.json", None).await.body);
    let mut client = Client { document: &document, dice: StdRng::seed_from_u64(SEED), ids: BTreeMap::new() };
    for _ in 0..3 {
        let car = house.car(&admin).await;
        client.learn("cars", &json!({ "id": car }));
        for day in [5, 10] {
            client.learn("bookings", &house.book(&customer, car, day).await.body);
            let wish = json!({ "carId": car, "from": noon(day), "to": noon(day + 1) });
            client.learn("waitlist", &house.post("/api/v1/waitlist", Some(&other), wish).await.body);
        }
    }

    let mut operations = operations(&document.0);
    operations.retain(|operation| !LAST.contains(&operation.id()));
    let (mut failures, mut done) = (Vec::new(), 0);
    for _ in 0..REQUESTS {
        let asked = client.one_of(&operations);
        let person = client.one_of(&[None, Some(&admin), Some(&admin), Some(&customer), Some(&other)]);
        let address = client.address(&house, &asked);
        let request = with(house.ask(asked.method.clone(), &address), person).header("Prefer", "wait=2");
        let request = request.header("Idempotency-Key", Uuid::new_v4().to_string());
        let answer = send(client.body(&asked.operation, request)).await;
        if answer.status.is_success() {
            done += 1;
            client.learn(asked.subject(), &answer.body);
        }
        let wrong = wrong(&document, &asked.operation, &answer);
        if !wrong.is_empty() {
            failures.push(format!("{} {address}: {} {wrong:?} {}", asked.method, answer.status, answer.body));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(done > REQUESTS / 10, "only {done} requests got what they asked for");
    assert_eq!(house.bed.number("select count(*) from job where state = 'dead'").await, 0);
}
