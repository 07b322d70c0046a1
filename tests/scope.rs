//! Every operation of the OpenAPI document with its scope, tried as nobody, as a customer and as an admin.
//!
//! An operation that is not listed here fails the test: open ones are open on purpose.

use std::collections::BTreeMap;

use jobs::Queue;
use rules::account::{Role, Scope};
use tests::{
    House,
    house::{Person, send, with},
};
use uuid::Uuid;

use crate::document::operation::{Operation, operations};

/// `None`: open to everybody.
fn scopes() -> BTreeMap<&'static str, Option<Scope>> {
    BTreeMap::from([
        ("register", None),
        ("login", None),
        ("refresh", None),
        ("logout", Some(Scope::ProfileWrite)),
        ("showProfile", Some(Scope::ProfileRead)),
        ("changeProfile", Some(Scope::ProfileWrite)),
        ("listSessions", Some(Scope::ProfileRead)),
        ("closeSession", Some(Scope::ProfileWrite)),
        ("closeSessions", Some(Scope::ProfileWrite)),
        ("addStaff", Some(Scope::StaffManage)),
        ("listStaff", Some(Scope::StaffManage)),
        ("showStaff", Some(Scope::StaffManage)),
        ("findCars", None),
        ("showCar", None),
        ("addCar", Some(Scope::CarsWrite)),
        ("changeCar", Some(Scope::CarsWrite)),
        ("retireCar", Some(Scope::CarsWrite)),
        ("blockCar", Some(Scope::CarsWrite)),
        ("listBlocks", Some(Scope::CarsWrite)),
        ("unblockCar", Some(Scope::CarsWrite)),
        ("listBranches", None),
        ("addBranch", Some(Scope::BranchesManage)),
        ("askAvailability", None),
        ("showCalendar", None),
        ("askQuote", None),
        ("requestBooking", Some(Scope::BookingsWrite)),
        ("listBookings", Some(Scope::BookingsRead)),
        ("showBooking", Some(Scope::BookingsRead)),
        ("changeBooking", Some(Scope::BookingsWrite)),
        ("extendBooking", Some(Scope::BookingsWrite)),
        ("cancelBooking", Some(Scope::BookingsWrite)),
        ("pickUpCar", Some(Scope::BookingsWrite)),
        ("returnCar", Some(Scope::ReturnsWrite)),
        ("completeReturn", Some(Scope::ReturnsWrite)),
        ("listReturns", Some(Scope::ReturnsRead)),
        ("showReturn", Some(Scope::ReturnsRead)),
        ("decideReturn", Some(Scope::ReturnsDecide)),
        ("showDamageMatrix", Some(Scope::SettingsWrite)),
        ("replaceDamageMatrix", Some(Scope::SettingsWrite)),
        ("listDamageCases", Some(Scope::ReturnsRead)),
        ("showDamageCase", Some(Scope::ReturnsRead)),
        ("acceptDamage", Some(Scope::ReturnsWrite)),
        ("disputeDamage", Some(Scope::ReturnsWrite)),
        ("listHouseDamageCases", Some(Scope::ReturnsDecide)),
        ("showHouseDamageCase", Some(Scope::ReturnsDecide)),
        ("exportEvidence", Some(Scope::ReturnsDecide)),
        ("fetchEvidence", Some(Scope::ReturnsDecide)),
        ("settleDamage", Some(Scope::ReturnsDecide)),
        ("showPhoto", Some(Scope::MediaRead)),
        ("showDisputePhoto", Some(Scope::MediaRead)),
        ("joinWaitlist", Some(Scope::WaitlistWrite)),
        ("listWaitlist", Some(Scope::WaitlistRead)),
        ("showWaitlistEntry", Some(Scope::WaitlistRead)),
        ("leaveWaitlist", Some(Scope::WaitlistWrite)),
        ("rejoinWaitlist", Some(Scope::WaitlistWrite)),
        ("showOffer", Some(Scope::WaitlistRead)),
        ("acceptOffer", Some(Scope::WaitlistWrite)),
        ("declineOffer", Some(Scope::WaitlistWrite)),
        ("listQueue", Some(Scope::WaitlistManage)),
        ("explainQueue", Some(Scope::WaitlistManage)),
        ("offerToEntry", Some(Scope::WaitlistManage)),
        ("prioritizeEntry", Some(Scope::WaitlistManage)),
        ("reinstateEntry", Some(Scope::WaitlistManage)),
        ("revokeOffer", Some(Scope::WaitlistManage)),
        ("pauseWaitlist", Some(Scope::WaitlistManage)),
        ("listNotifications", Some(Scope::NotificationsRead)),
        ("readNotification", Some(Scope::NotificationsWrite)),
        ("readNotifications", Some(Scope::NotificationsWrite)),
        ("showJob", Some(Scope::JobsRead)),
        ("listDeadJobs", Some(Scope::JobsManage)),
        ("replayJob", Some(Scope::JobsManage)),
        ("discardJob", Some(Scope::JobsManage)),
    ])
}

/// Tries an operation with ids that name nothing and a body that says nothing.
async fn attempt(house: &House, operation: &Operation, person: Option<&Person>) -> u16 {
    let path: Vec<String> = operation
        .path
        .split('/')
        .map(|part| if part.starts_with('{') { Uuid::nil().to_string() } else { part.to_owned() })
        .collect();
    let request = with(house.ask(operation.method.clone(), &path.join("/")), person);
    let request =
        request.header("Idempotency-Key", Uuid::new_v4().to_string()).header("Content-Type", "application/json");
    send(request.body("{}")).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_asks_for_its_scope_and_no_other_is_open() {
    let house = House::open(&[Queue::Booking]).await;
    let (customer, admin) = (house.customer().await, house.staff("admin").await);
    let document = house.get("/openapi.json", None).await.body;
    let scopes = scopes();
    for operation in operations(&document) {
        let Some(scope) = scopes.get(operation.id()) else {
            panic!("{} {} ({}) is not listed with a scope", operation.method, operation.path, operation.id())
        };
        assert_eq!(operation.is_secured(), scope.is_some(), "{} in the document", operation.id());
        // These would log the person out of the session that the test goes on with.
        if ["logout", "closeSessions"].contains(&operation.id()) {
            assert_eq!(attempt(&house, &operation, None).await, 401, "{}", operation.id());
            continue;
        }
        let nobody = attempt(&house, &operation, None).await;
        assert_eq!(nobody == 401, scope.is_some(), "{} as nobody: {nobody}", operation.id());
        let as_customer = attempt(&house, &operation, Some(&customer)).await;
        let may = scope.is_none_or(|scope| Role::Customer.may(scope));
        assert_eq!(as_customer == 403, !may, "{} as a customer: {as_customer}", operation.id());
        let as_admin = attempt(&house, &operation, Some(&admin)).await;
        assert!(![401, 403, 500].contains(&as_admin), "{} as an admin: {as_admin}", operation.id());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_somebody_else_is_not_there_at_all() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, owner, stranger) = (house.staff("admin").await, house.customer().await, house.customer().await);
    let car = house.car(&admin).await;
    let booking = tests::house::text(&house.book(&owner, car, 10).await.body, "id");
    let path = format!("/api/v1/bookings/{booking}");
    assert_eq!(house.get(&path, Some(&stranger)).await.status, 404);
    assert_eq!(house.get(&path, Some(&owner)).await.status, 200);
    assert_eq!(house.get(&path, Some(&admin)).await.status, 200);
    let list = house.get("/api/v1/bookings", Some(&stranger)).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 0);
}
