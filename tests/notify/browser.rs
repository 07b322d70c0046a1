//! The pages as people use them: in a real browser, by keyboard alone, without any script.
//!
//! `bin/test` installs Chromium. With `SCREENSHOTS=DIR` set, the pictures of the manual are made anew.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::fd::AsFd,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use jobs::{Queue, notify::News};
use nix::poll::{PollFd, PollFlags, poll};
use serde_json::{Value, json};
use tests::{House, services};

use super::{
    damage::Yard,
    story::{Story, address, mails_to},
};

/// Milliseconds. Our end of the pipe is open both ways, so a browser that died does not end the reading.
const PATIENCE: u16 = 60_000;

const DESKTOP: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (390, 844);
/// As wide as mail programs show one.
const MAIL: (u32, u32) = (720, 1_200);

/// A browser that is told what to do over a pair of pipes.
struct Browser {
    process: Child,
    folder: PathBuf,
    to: File,
    from: File,
    read: Vec<u8>,
    session: Option<String>,
    calls: u64,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Browser {
    fn open() -> Self {
        let there = Command::new("chromium").arg("--version").stdout(Stdio::null()).status();
        assert!(there.is_ok_and(|status| status.success()), "chromium is not installed: bin/test installs it");
        let folder = std::env::temp_dir().join(format!("forecourt-browser-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let pipe = |name: &str| {
            let path = folder.join(name);
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            // Both ways, so that opening it waits for nobody.
            (OpenOptions::new().read(true).write(true).open(&path).unwrap(), path)
        };
        let ((to, to_path), (from, from_path)) = (pipe("to"), pipe("from"));
        let run = "exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
                   --no-first-run --user-data-dir=\"$2\" --remote-debugging-pipe 3<\"$0\" 4>\"$1\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", run]).args([&to_path, &from_path, &folder.join("profile")]);
        let process = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut browser = Self { process, folder, to, from, read: Vec::new(), session: None, calls: 0 };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", json!({}));
        browser.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
        browser
    }

    fn message(&mut self) -> Value {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == 0) {
                let message: Vec<u8> = self.read.drain(..=end).collect();
                return serde_json::from_slice(&message[..end]).unwrap();
            }
            let mut waiting = [PollFd::new(self.from.as_fd(), PollFlags::POLLIN)];
            assert_ne!(poll(&mut waiting, PATIENCE), Ok(0), "the browser says nothing");
            let mut chunk = [0; 65_536];
            let count = self.from.read(&mut chunk).unwrap();
            self.read.extend_from_slice(&chunk[..count]);
        }
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{call}\0").as_bytes()).unwrap();
        loop {
            let message = self.message();
            if message["id"] == json!(self.calls) {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    fn event(&mut self, name: &str) {
        while self.message()["method"] != json!(name) {}
    }

    /// Opens an address in a window of this size, and says how wide the page became.
    fn visit(&mut self, url: &str, (width, height): (u32, u32)) -> f64 {
        let window = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", window);
        self.call("Page.navigate", json!({ "url": url }));
        self.event("Page.loadEventFired");
        let size = self.call("Page.getLayoutMetrics", json!({}));
        size["cssContentSize"]["width"].as_f64().unwrap()
    }

    fn press(&mut self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    fn tab(&mut self, times: usize) {
        (0..times).for_each(|_| self.press("Tab", 9, ""));
    }

    /// Puts the cursor into the first element that a CSS selector finds.
    fn focus(&mut self, selector: &str) {
        let root = self.call("DOM.getDocument", json!({}))["root"]["nodeId"].clone();
        let found = self.call("DOM.querySelector", json!({ "nodeId": root, "selector": selector }))["nodeId"].clone();
        self.call("DOM.focus", json!({ "nodeId": found }));
    }

    fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    fn enter(&mut self) {
        self.press("Enter", 13, "\r");
        self.event("Page.loadEventFired");
    }

    /// Keeps a picture of the upper part of the page, if pictures are wanted.
    fn keep(&mut self, name: &str, (width, height): (u32, u32)) {
        let Ok(folder) = std::env::var("SCREENSHOTS") else { return };
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let shot = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let shot = self.call("Page.captureScreenshot", shot);
        let png = BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        std::fs::write(PathBuf::from(folder).join(name), png).unwrap();
    }
}

/// The tests make the smaller copies only; here they stand for the large ones too.
const COPIES: &str = "insert into derivative (photo_id, variant, object_key, width, height, size, source_sha256)
     select photo_id, '1600', object_key, width, height, size, source_sha256 from derivative where variant = '640'";

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_decides_a_return_by_keyboard_without_script_at_any_width() {
    let mut browser = Browser::open();
    let story = Story::new().await;
    story.photos().await;
    story.bed.run(COPIES).await;
    story
        .bed
        .run(&format!("update account set name = 'Kim Example' where email = '{}'", address(story.customer)))
        .await;
    story.tell().await;
    story.announce(News::ReturnReported, story.rental_return).await;
    story.mailed(2).await;
    story.bed.work(Queue::Booking, workers::registry()).await;
    let mail = mails_to(story.admins[0]).await.remove(0);
    let text = mail.text.clone().unwrap();
    let path = text.lines().find_map(|line| line.strip_prefix("http://localhost:8080")).unwrap().to_owned();
    let house = House::on(story.bed).await;
    let page = format!("{}{path}", house.url);

    tokio::task::block_in_place(|| {
        let inbox = services_url();
        browser.visit(&format!("{inbox}/{}/html", mail.id), MAIL);
        browser.keep("mail.png", MAIL);
        assert!(browser.visit(&page, PHONE) <= f64::from(PHONE.0), "nothing sticks out on a phone");
        browser.keep("review-phone.png", (PHONE.0, 1_100));
        assert!(browser.visit(&page, DESKTOP) <= f64::from(DESKTOP.0));
        browser.keep("review.png", (DESKTOP.0, 1_100));
        // The link that skips to the content, the finding, the one button that clears.
        browser.tab(3);
        browser.enter();
    });
    house.bed.until("select count(*) from rental_return where verdict = 'clear'", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_disputes_a_damage_by_keyboard_without_script() {
    let mut browser = Browser::open();
    let yard = Yard::open().await;
    yard.house.bed.run(COPIES).await;
    yard.confirmed().await;
    let path = yard.link(&yard.customer, "Damage found").await;
    let page = format!("{}{path}", yard.house.url);
    let mails = services().await.inbox().unwrap().mails();
    let wanted = |mail: &&std::sync::Arc<dev::Mail>| {
        mail.to.contains(&yard.customer.email) && mail.subject.starts_with("Damage found")
    };
    let mail = mails.iter().find(wanted).unwrap().id.clone();

    tokio::task::block_in_place(|| {
        let inbox = services_url();
        browser.visit(&format!("{inbox}/{mail}/html"), MAIL);
        browser.keep("damage-mail.png", MAIL);
        assert!(browser.visit(&page, PHONE) <= f64::from(PHONE.0), "nothing sticks out on a phone");
        browser.keep("damage-phone.png", (PHONE.0, 1_100));
        assert!(browser.visit(&page, DESKTOP) <= f64::from(DESKTOP.0));
        // The link that skips, two photos with a link to the full picture each, the button that agrees, the words.
        browser.tab(7);
        browser.write("It was there before.");
        // The photos, then the button.
        browser.tab(2);
        browser.enter();
    });
    let disputed = "select count(*) from damage_case where state = 'disputed' and dispute = 'It was there before.'";
    yard.house.bed.until(disputed, 1).await;

    let staff = format!("{}{}", yard.house.url, yard.link(&yard.admin, "[Dispute]").await);
    tokio::task::block_in_place(|| {
        assert!(browser.visit(&staff, PHONE) <= f64::from(PHONE.0), "nothing sticks out on a phone");
        browser.focus("#words");
        browser.write("half of it");
        browser.focus("#amount");
        browser.write("90");
        // Enter in a field decides nothing; two buttons on, the middle one reduces.
        browser.press("Enter", 13, "\r");
        browser.tab(2);
        browser.enter();
    });
    yard.house.bed.until("select count(*) from damage_case where state = 'reduced' and amount = 9000", 1).await;
}

/// Where the inbox shows its mails.
fn services_url() -> String {
    let handle = tokio::runtime::Handle::current();
    handle.block_on(async { services().await.inbox().unwrap().page_url().trim_end_matches('/').to_owned() })
}
