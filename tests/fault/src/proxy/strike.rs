//! Recognising the request at which a connection is to break.

/// What a request is recognised by.
#[derive(Clone, Copy, Debug)]
pub enum Mark {
    /// PostgreSQL's simple query `COMMIT`, the whole message.
    PgCommit,
    /// A statement of PostgreSQL's that carries this text, such as the kind of a job.
    PgText(&'static str),
    /// A script of Redis's: apalis pushes and fetches with nothing else.
    RedisScript,
    /// The end of a mail's content.
    MailEnd,
    /// An upload to the bucket.
    HttpPut,
}

impl Mark {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::PgCommit => b"Q\0\0\0\x0bCOMMIT\0",
            Self::PgText(text) => text.as_bytes(),
            Self::RedisScript => b"EVALSHA",
            Self::MailEnd => b"\r\n.\r\n",
            Self::HttpPut => b"PUT /",
        }
    }
}

/// On which side of the server's work the connection breaks. The client cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The request does not arrive.
    Before,
    /// The request is carried out, and its reply does not arrive.
    After,
}

/// Which requests, and how.
#[derive(Clone, Copy, Debug)]
pub struct Strike {
    pub mark: Mark,
    pub when: When,
    /// Every so many of them; the first is spared.
    pub every: u32,
    seen: u32,
}

impl Strike {
    #[must_use]
    pub fn new(mark: Mark, when: When, every: u32) -> Self {
        Self { mark, when, every: every.max(1), seen: 0 }
    }

    /// Whether to break at these bytes. `tail` is the end of what came before, because a
    /// message may arrive in pieces.
    pub(super) fn hits(&mut self, tail: &[u8], chunk: &[u8]) -> bool {
        let mark = self.mark.bytes();
        let near = &tail[tail.len().saturating_sub(mark.len() - 1)..];
        let joined = [near, chunk].concat();
        if !joined.windows(mark.len()).any(|window| window == mark) {
            return false;
        }
        self.seen += 1;
        self.seen.is_multiple_of(self.every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_recognised_in_pieces_and_nothing_like_it() {
        let mut strike = Strike::new(Mark::PgCommit, When::After, 1);
        assert!(strike.hits(b"", b"Q\0\0\0\x0bCOMMIT\0"));
        assert!(strike.hits(b"xxQ\0\0\0\x0bCOM", b"MIT\0"));
        assert!(!strike.hits(b"", b"Q\0\0\0\x0dROLLBACK\0"));
        assert!(!strike.hits(b"", b"P\0\0\0\x20insert into note values ('COMMIT')\0"));
    }

    #[test]
    fn only_every_so_manieth_request_is_struck() {
        let mut strike = Strike::new(Mark::RedisScript, When::Before, 3);
        let hits: Vec<bool> = (0..6).map(|_| strike.hits(b"", b"*3\r\n$7\r\nEVALSHA\r\n")).collect();
        assert_eq!(hits, [false, false, true, false, false, true]);
    }
}
