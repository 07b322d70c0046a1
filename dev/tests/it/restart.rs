use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::DirBuilderExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use dev::{DataDir, Services, Setup};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    server::{plates, write},
    services,
};

#[tokio::test]
async fn a_second_start_works_after_kill_9_and_finds_the_data() {
    let folder = Folder::new("killed");
    let (mut first, url) = start_elsewhere(&folder.0);
    write(&url, "CREATE TABLE car (plate text)").await;
    write(&url, "INSERT INTO car VALUES ('F-C 1')").await;

    first.kill().unwrap();
    first.wait().unwrap();

    let (data_dir, second) = start_again(&folder.0).await;
    assert_eq!(second.database_url("forecourt"), url, "the port is kept");
    assert_eq!(plates(&url).await, ["F-C 1"]);
    second.stop().await;
    drop((second, data_dir));
}

#[tokio::test]
async fn servers_that_a_killed_run_left_behind_are_ended_and_no_others() {
    let folder = Folder::new("orphans");
    let (_other_dir, other) = services().await;
    let (mut first, url) = start_elsewhere(&folder.0);
    write(&url, "CREATE TABLE car (plate text)").await;
    let orphans = servers(&folder.0);
    assert_eq!(orphans.len(), 2, "{orphans:?}");

    // The watchdogs first, or they would do what this test wants undone.
    for child in children(first.id()) {
        if cmdline(child).contains("forecourt-watchdog") {
            kill(child, Signal::SIGKILL).unwrap();
        }
    }
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(servers(&folder.0), orphans, "nobody is there to end them");
    let others = (other.postgres().unwrap().process().pid(), other.redis().unwrap().process().pid());

    let (data_dir, second) = start_again(&folder.0).await;
    assert!(plates(&url).await.is_empty());
    let now = servers(&folder.0);
    assert!(now.iter().all(|pid| !orphans.contains(pid)), "{orphans:?} {now:?}");
    let still = (other.postgres().unwrap().process().pid(), other.redis().unwrap().process().pid());
    assert_eq!(others, still);
    second.stop().await;
    other.stop().await;
    drop((second, data_dir));
}

#[tokio::test]
async fn nothing_is_left_running_when_the_holder_is_gone() {
    let folder = Folder::new("gone");
    let (mut first, _) = start_elsewhere(&folder.0);
    assert_eq!(servers(&folder.0).len(), 2);

    first.kill().unwrap();
    first.wait().unwrap();

    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !servers(&folder.0).is_empty() {
        assert!(std::time::Instant::now() < deadline, "{:?}", servers(&folder.0));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn postgres_finds_a_place_where_its_account_may_not_enter_the_folder() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let closed = Folder::new("closed");
    fs::DirBuilder::new().mode(0o700).create(&closed.0).unwrap();
    let (mut first, url) = start_elsewhere(&closed.0.join("var"));
    write(&url, "CREATE TABLE car (plate text)").await;
    first.kill().unwrap();
    first.wait().unwrap();

    let (data_dir, second) = start_again(&closed.0.join("var")).await;
    assert!(plates(&url).await.is_empty());
    let elsewhere = fs::read_link(data_dir.path("postgres")).unwrap();
    assert!(elsewhere.join("data/PG_VERSION").exists());
    second.stop().await;
    fs::remove_dir_all(elsewhere).unwrap();
}

/// A data folder that more than one process uses, one after the other.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("forecourt-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts the services in a process that can be killed; returns the database's
/// address too.
fn start_elsewhere(folder: &Path) -> (Child, String) {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("services");
    let mut child = Command::new(program).arg(folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_whitespace().next().expect("the services started");
    (child, url.to_owned())
}

async fn start_again(folder: &Path) -> (DataDir, Services) {
    let data_dir = DataDir::open(folder).unwrap();
    let services = Services::start(&data_dir, Setup::for_tests()).await.unwrap();
    (data_dir, services)
}

/// The PostgreSQL and the Redis whose command line names the folder.
fn servers(folder: &Path) -> Vec<Pid> {
    let folder = folder.canonicalize().unwrap();
    let mut found: Vec<Pid> = processes()
        .filter(|pid| {
            let command = cmdline(*pid);
            let server = command.contains("/postgres\0-D") || command.contains("redis-server");
            server && command.contains(folder.to_str().unwrap())
        })
        .collect();
    found.sort();
    found
}

fn children(parent: u32) -> Vec<Pid> {
    let path = format!("/proc/{parent}/task");
    let tasks = fs::read_dir(path).unwrap().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    let pids = lists.iter().flat_map(|list| list.split_whitespace());
    pids.map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| Some(Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)))
}

fn cmdline(pid: Pid) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
