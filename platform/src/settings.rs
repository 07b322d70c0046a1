//! Settings from environment variables, checked all at once.

mod secret;

use std::{fmt, net::SocketAddr, ops::RangeInclusive, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use rules::waitlist::Terms;
pub use secret::Secret;
use url::Url;

/// Reads environment variables and remembers everything that is wrong with them,
/// so that an operator mends all of it in one go.
#[derive(Default)]
pub struct Reader {
    wrong: Vec<String>,
}

impl Reader {
    /// The text of a variable; a `NAME_FILE` variable names a file that holds it instead. What is empty is not set.
    fn text(&mut self, name: &str) -> Option<String> {
        let file = std::env::var(format!("{name}_FILE")).ok().filter(|path| !path.is_empty());
        match file {
            Some(path) => self.file(name, &path),
            None => std::env::var(name).ok().filter(|text| !text.is_empty()),
        }
    }

    fn file(&mut self, name: &str, path: &str) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text.trim_end().to_owned()).filter(|text| !text.is_empty()),
            Err(error) => {
                self.wrong.push(format!("{name}_FILE: cannot read {path}: {error}"));
                None
            }
        }
    }

    /// Adds something that is wrong with a variable. Its value stays unsaid: it may be a secret.
    pub fn refuse(&mut self, name: &str, words: impl fmt::Display) {
        self.wrong.push(format!("{name}: {words}"));
    }

    /// A variable that must be there. The default of `T` stands in for a wrong one until [`Reader::finish`].
    pub fn required<T: FromStr<Err: fmt::Display> + Default>(&mut self, name: &str) -> T {
        match self.text(name) {
            Some(text) => self.parse(name, &text).unwrap_or_default(),
            None => {
                self.wrong.push(format!("{name} is not set"));
                T::default()
            }
        }
    }

    /// A variable with a default.
    pub fn or<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, default: T) -> T {
        self.optional(name).unwrap_or(default)
    }

    /// A number with a default, and what it may be: what lies beyond would switch something off, or overflow.
    pub fn within<T: FromStr<Err: fmt::Display> + fmt::Display + PartialOrd + Copy>(
        &mut self,
        name: &str,
        range: RangeInclusive<T>,
        default: T,
    ) -> T {
        let value = self.or(name, default);
        self.check_range(name, range, value).unwrap_or(default)
    }

    fn check_range<T: fmt::Display + PartialOrd>(
        &mut self,
        name: &str,
        range: RangeInclusive<T>,
        value: T,
    ) -> Option<T> {
        let fits = range.contains(&value);
        if !fits {
            self.refuse(name, format!("must be {} to {}", range.start(), range.end()));
        }
        fits.then_some(value)
    }

    /// A variable that may be absent.
    pub fn optional<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        self.parse(name, &text)
    }

    /// A key of exactly 32 bytes in base64.
    pub fn key(&mut self, name: &str) -> Secret<[u8; 32]> {
        let Some(text) = self.text(name) else {
            self.wrong.push(format!("{name} is not set"));
            return Secret::default();
        };
        self.read_key(name, &text)
    }

    fn read_key(&mut self, name: &str, text: &str) -> Secret<[u8; 32]> {
        let bytes = BASE64_STANDARD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        if bytes.is_none() {
            self.refuse(name, "must be 32 bytes in base64 (openssl rand -base64 32)");
        }
        Secret(bytes.unwrap_or_default())
    }

    /// An address that must be there, and begin with one of `schemes`.
    pub fn url(&mut self, name: &str, schemes: &[&str]) -> String {
        let text: String = self.required(name);
        self.check_url(name, &text, schemes);
        text
    }

    /// An address that may be absent.
    pub fn optional_url(&mut self, name: &str, schemes: &[&str]) -> Option<String> {
        let text: String = self.optional(name)?;
        self.check_url(name, &text, schemes);
        Some(text)
    }

    /// Origins as browsers write them: scheme, host and port, and no slash behind; separated by commas, none by default.
    pub fn origins(&mut self, name: &str) -> Vec<String> {
        let list: String = self.or(name, String::new());
        let origins = list.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let origins: Vec<String> = origins.map(str::to_owned).collect();
        let written =
            |origin: &String| Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
        for wrong in origins.iter().filter(|origin| !written(origin)) {
            self.refuse(name, format!("{wrong} is no origin, such as https://app.example.com"));
        }
        origins
    }

    fn check_url(&mut self, name: &str, text: &str, schemes: &[&str]) {
        match Url::parse(text) {
            // That it is not set was said.
            _ if text.is_empty() => {}
            Ok(url) if schemes.contains(&url.scheme()) => {}
            Ok(_) => self.refuse(name, format!("must begin with {}://", schemes.join(":// or "))),
            Err(error) => {
                self.refuse(name, format!("is no URL ({error}); in a password write / as %2F, @ as %40 and # as %23"))
            }
        }
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, text: &str) -> Option<T> {
        text.parse().map_err(|error| self.refuse(name, error)).ok()
    }

    /// # Errors
    /// Names every variable that is wrong.
    pub fn finish(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.wrong.is_empty(), "these settings are wrong:\n  {}", self.wrong.join("\n  "));
        Ok(())
    }
}

/// What every process needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `DATABASE_URL`: PostgreSQL 15 or newer.
    pub database_url: Secret<String>,
    /// `DATABASE_CONNECTIONS`: connections of this process at most.
    pub database_connections: u32,
    /// `REDIS_URL`: Redis 7 or newer.
    pub redis_url: Secret<String>,
    /// `REDIS_PREFIX`: what all keys and channels begin with; empty by default.
    pub redis_prefix: String,
    /// `PUBLIC_URL`: what links in mails begin with, without a slash at the end.
    pub public_url: String,
    /// `LINK_TOKEN_KEY`: makes the tokens of links in mails.
    pub link_token_key: Secret<[u8; 32]>,
    /// `PROBE_LISTEN`: where a worker answers `/livez`, `/readyz` and `/metrics`. The front answers on its own port.
    pub probe_listen: Option<SocketAddr>,
    /// `SHUTDOWN_GRACE_SECONDS`: how long running work may finish after SIGTERM.
    pub shutdown_grace: std::time::Duration,
    /// `WAITLIST_OFFER_SHORTEST_SECONDS`, `WAITLIST_OFFER_LONGEST_SECONDS`: how long people may think about an offer.
    /// The workers keep to it, and the front explains by it.
    pub waitlist_terms: Terms,
    pub bucket: crate::bucket::BucketSettings,
}

impl Settings {
    /// Reads what every process needs; the caller goes on reading and then calls [`Reader::finish`].
    pub fn read(reader: &mut Reader) -> Self {
        if let Err(error) = crate::log::levels() {
            reader.refuse("RUST_LOG", error);
        }
        Self {
            database_url: Secret(reader.url("DATABASE_URL", &["postgres", "postgresql"])),
            database_connections: reader.within("DATABASE_CONNECTIONS", 1..=1_000, 20),
            // Without TLS, which neither of the two libraries is built with.
            redis_url: Secret(reader.url("REDIS_URL", &["redis"])),
            redis_prefix: reader.or("REDIS_PREFIX", String::new()),
            public_url: reader.url("PUBLIC_URL", &["https", "http"]).trim_end_matches('/').to_owned(),
            link_token_key: reader.key("LINK_TOKEN_KEY"),
            probe_listen: reader.optional("PROBE_LISTEN"),
            shutdown_grace: std::time::Duration::from_secs(reader.within("SHUTDOWN_GRACE_SECONDS", 0..=3_600, 20)),
            waitlist_terms: terms(reader),
            bucket: crate::bucket::BucketSettings::read(reader),
        }
    }

    /// Where tickets and outcomes travel.
    pub fn ticket_place(&self) -> jobs::ticket::Place {
        jobs::ticket::Place { redis_url: self.redis_url.expose().clone(), prefix: self.redis_prefix.clone() }
    }
}

/// Seconds that somebody may have to think: more than a week blocks a car for nobody.
const LONGEST_OFFER: i64 = 7 * 86_400;

fn terms(reader: &mut Reader) -> Terms {
    let usual = Terms::default();
    let mut seconds =
        |name: &str, usual: TimeDelta| TimeDelta::seconds(reader.within(name, 1..=LONGEST_OFFER, usual.num_seconds()));
    let shortest = seconds("WAITLIST_OFFER_SHORTEST_SECONDS", usual.shortest);
    let longest = seconds("WAITLIST_OFFER_LONGEST_SECONDS", usual.longest);
    check_order(reader, shortest, longest);
    Terms { shortest, longest, ..usual }
}

fn check_order(reader: &mut Reader, shortest: TimeDelta, longest: TimeDelta) {
    if longest < shortest {
        let least = shortest.num_seconds();
        let words = format!("must not be less than WAITLIST_OFFER_SHORTEST_SECONDS, which is {least}");
        reader.refuse("WAITLIST_OFFER_LONGEST_SECONDS", words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_setting_is_named_and_no_value_is_shown() {
        let mut reader = Reader::default();
        let _: String = reader.required("FORECOURT_TEST_ABSENT");
        let _: Option<u16> = reader.parse("FORECOURT_TEST_PORT", "hunter2");
        for url in
            ["postgres://me:hunter/2@db:5432/house", "postgress://me:hunter2@db/house", "postgres://me:hunter2@db:x/h"]
        {
            reader.check_url("FORECOURT_TEST_URL", url, &["postgres"]);
        }
        assert_eq!((0..=9).filter_map(|days| reader.check_range("FORECOURT_TEST_DAYS", 1..=8, days)).count(), 8);
        let words = reader.finish().expect_err("these settings are wrong").to_string();
        assert_eq!(words.matches("FORECOURT_TEST_DAYS: must be 1 to 8").count(), 2, "{words}");
        assert!(words.contains("FORECOURT_TEST_ABSENT is not set"));
        assert!(words.contains("FORECOURT_TEST_PORT"));
        assert_eq!(words.matches("FORECOURT_TEST_URL").count(), 3, "{words}");
        assert!(!words.contains("hunter"));
    }

    #[test]
    fn a_key_that_is_empty_or_in_an_empty_file_is_no_key() {
        let file = std::env::temp_dir().join(format!("forecourt-key-{}", std::process::id()));
        std::fs::write(&file, "\n").expect("a file for the test");
        let mut reader = Reader::default();
        assert_eq!(reader.file("FORECOURT_TEST_KEY", file.to_str().unwrap_or_default()), None);
        std::fs::remove_file(&file).expect("the file of the test");
        let _ = (reader.key("FORECOURT_TEST_KEY"), reader.read_key("FORECOURT_TEST_OTHER", "AAAA"));
        let words = reader.finish().expect_err("there is no key").to_string();
        assert!(words.contains("FORECOURT_TEST_KEY is not set") && words.contains("FORECOURT_TEST_OTHER: must be 32"));
    }

    #[test]
    fn the_longest_offer_is_not_shorter_than_the_shortest() {
        let mut reader = Reader::default();
        for (shortest, longest) in [(60, 60), (60, 61), (61, 60)] {
            check_order(&mut reader, TimeDelta::seconds(shortest), TimeDelta::seconds(longest));
        }
        let words = reader.finish().expect_err("one of them is shorter").to_string();
        assert_eq!(words.matches("WAITLIST_OFFER_LONGEST_SECONDS: must not be less").count(), 1, "{words}");
    }
}
