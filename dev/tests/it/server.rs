use sea_orm::{ConnectionTrait, Database, DatabaseConnection};

use crate::services;

#[tokio::test]
async fn postgres_keeps_what_was_committed_over_a_stop() {
    let (_data_dir, services) = services().await;
    let postgres = services.postgres().unwrap();
    let url = services.create_database("copied", None).await.unwrap();
    write(&url, "CREATE TABLE car (plate text)").await;
    write(&url, "INSERT INTO car VALUES ('F-C 1')").await;

    postgres.stop().await;
    assert!(Database::connect(&*url).await.is_err());
    postgres.resume().await.unwrap();

    assert_eq!(plates(&url).await, ["F-C 1"]);
    let copy = services.create_database("copy", Some("copied")).await.unwrap();
    assert_eq!(plates(&copy).await, ["F-C 1"]);
    services.stop().await;
}

#[tokio::test]
async fn postgres_checks_its_pages_and_asks_for_the_password() {
    let (_data_dir, services) = services().await;
    let url = services.database_url("forecourt");

    assert_eq!(setting(&url, "data_checksums").await, "on");
    assert_eq!(setting(&url, "listen_addresses").await, "127.0.0.1");
    let (_, place) = url.split_once('@').unwrap();
    let stranger = format!("postgres://forecourt:wrong@{place}");
    assert!(Database::connect(stranger).await.is_err());
    services.stop().await;
}

#[tokio::test]
async fn redis_comes_back_after_it_was_killed() {
    let (_data_dir, services) = services().await;
    let redis = services.redis().unwrap();
    let mut state = redis.process().state();
    let before = redis.process().pid();

    redis.process().signal(dev::Signal::SIGKILL).unwrap();

    let again = |state: &dev::State| matches!(state, dev::State::Running(pid) if Some(*pid) != before);
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, state.wait_for(again)).await.unwrap().unwrap();
    services.stop().await;
}

#[tokio::test]
async fn a_given_server_is_used_instead_of_an_own_one() {
    let given = dev::Given {
        database_url: Some("postgres://elsewhere/db".to_owned()),
        redis_url: Some("redis://elsewhere".to_owned()),
        smtp_url: Some("smtp://elsewhere".to_owned()),
        ..dev::Given::default()
    };
    let data_dir = dev::DataDir::scratch().unwrap();
    let setup = dev::Setup { given, ..dev::Setup::for_tests() };
    let services = dev::Services::start(&data_dir, setup).await.unwrap();

    assert_eq!(services.database_url("forecourt"), "postgres://elsewhere/db");
    assert_eq!(services.redis_url(), "redis://elsewhere");
    assert_eq!(services.smtp_url(), "smtp://elsewhere");
    assert!(services.postgres().is_none() && services.redis().is_none());
    assert!(services.inbox().is_none());
    assert!(services.bucket().endpoint.starts_with("http://127.0.0.1:"));
}

#[tokio::test]
async fn a_data_folder_has_one_holder_at_a_time() {
    let (data_dir, services) = services().await;

    let second = dev::DataDir::open(data_dir.root()).err().unwrap();

    assert!(second.to_string().contains(&std::process::id().to_string()));
    services.stop().await;
}

pub(crate) async fn write(url: &str, sql: &str) {
    let database = Database::connect(url).await.unwrap();
    database.execute_unprepared(sql).await.unwrap();
    database.close().await.unwrap();
}

pub(crate) async fn plates(url: &str) -> Vec<String> {
    read(url, "SELECT plate FROM car").await
}

async fn setting(url: &str, name: &str) -> String {
    read(url, &format!("SELECT current_setting('{name}')")).await.remove(0)
}

async fn read(url: &str, sql: &str) -> Vec<String> {
    let database: DatabaseConnection = Database::connect(url).await.unwrap();
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql);
    let rows = database.query_all_raw(statement).await.unwrap();
    database.close().await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}
