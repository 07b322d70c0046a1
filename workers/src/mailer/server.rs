use std::str::FromStr;

use anyhow::{Context, bail};
use lettre::transport::smtp::{authentication::Credentials, extension::ClientId};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// When the conversation is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// `smtp://`: never. For a server on the same machine.
    Never,
    /// `smtp://…?tls=opportunistic`: when the server offers it.
    Offered,
    /// `smtp://…?tls=required`: or not at all.
    Required,
    /// `smtps://`: from the first byte.
    Wrapped,
}

/// Where the mail server is and how to greet it: `SMTP_URL`, written as lettre writes it,
/// `smtps://user:password@host:port/ehlo-name` or `smtp://…?tls=required`.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: ClientId,
}

impl FromStr for Server {
    /// Says what is wrong with the address without quoting it: it may hold a password.
    type Err = anyhow::Error;

    fn from_str(url: &str) -> anyhow::Result<Self> {
        let url = Url::parse(url).context("not a URL")?;
        let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        let (tls, port) = match (url.scheme(), tls.as_deref()) {
            ("smtp", None) => (Tls::Never, 25),
            ("smtp", Some("opportunistic")) => (Tls::Offered, 587),
            ("smtp", Some("required")) => (Tls::Required, 587),
            ("smtps", None) => (Tls::Wrapped, 465),
            _ => bail!(
                "must begin with smtps:// or smtp://, the latter with tls=required or tls=opportunistic if at all"
            ),
        };
        let name = url.path().trim_matches('/');
        let host = match url.host().context("names no host")? {
            // As it is written without the brackets of a URL.
            Host::Ipv6(address) => address.to_string(),
            host => host.to_string(),
        };
        Ok(Self {
            host,
            port: url.port().unwrap_or(port),
            tls,
            credentials: credentials(&url)?,
            hello: if name.is_empty() { ClientId::default() } else { ClientId::Domain(name.to_owned()) },
        })
    }
}

fn credentials(url: &Url) -> anyhow::Result<Option<Credentials>> {
    let decode = |text| percent_decode_str(text).decode_utf8().context("user or password is not UTF-8");
    let Some(password) = url.password() else { return Ok(None) };
    Ok(Some(Credentials::new(decode(url.username())?.into_owned(), decode(password)?.into_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_host_port_encryption_and_who_we_are() {
        let server = Server::from_str("smtps://user:p%40ss@mail.example.com/front.example.com").unwrap();
        assert_eq!((server.host.as_str(), server.port, server.tls), ("mail.example.com", 465, Tls::Wrapped));
        assert_eq!(server.credentials, Some(Credentials::new("user".into(), "p@ss".into())));
        assert_eq!(server.hello, ClientId::Domain("front.example.com".into()));
        assert_eq!(Server::from_str("smtp://127.0.0.1:2525").unwrap().port, 2525);
        assert_eq!(Server::from_str("smtp://[::1]:2525").unwrap().host, "::1");
        assert_eq!(Server::from_str("smtp://mail.example.com?tls=required").unwrap().tls, Tls::Required);
    }

    #[test]
    fn a_wrong_address_is_refused_without_being_quoted() {
        for wrong in ["mail.example.com", "https://user:hunter2@example.com", "smtp://x?tls=hunter2"] {
            let words = format!("{:#}", Server::from_str(wrong).err().unwrap());
            assert!(!words.contains("hunter2"), "{words}");
        }
    }
}
