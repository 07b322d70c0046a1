//! Passwords: argon2id with the parameters that OWASP names as the minimum
//! (19 MiB, two passes, one lane), on a bounded number of threads.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use rules::problem;
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Hashes and checks passwords. A flood of logins waits here instead of taking all memory.
pub struct Passwords {
    room: Arc<Semaphore>,
    /// Checked when there is no such account, so that it takes as long as when there is.
    decoy: String,
}

fn hash(password: &str) -> Result<String, ApiError> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(ApiError::internal)
}

impl Passwords {
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new(at_a_time: usize) -> anyhow::Result<Self> {
        let decoy = hash("nobody has this password").map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Self { room: Arc::new(Semaphore::new(at_a_time.max(1))), decoy })
    }

    /// The PHC string of a new password.
    ///
    /// # Errors
    /// When too many are waiting.
    pub async fn hash(&self, password: String) -> Result<String, ApiError> {
        self.run(move || hash(&password)).await?
    }

    /// Whether `password` is the one behind `stored`; `None` takes as long and is never right.
    ///
    /// # Errors
    /// When too many are waiting.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, ApiError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let right = self
            .run(move || {
                PasswordHash::new(&stored)
                    .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
            })
            .await?;
        Ok(right && known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let busy = || ApiError::new(problem::SERVICE_UNAVAILABLE, "Too many people log in at once. Please try again.");
        let waiting = tokio::time::timeout(std::time::Duration::from_secs(10), self.room.clone().acquire_owned());
        let permit = waiting.await.map_err(|_| busy())?.map_err(ApiError::internal)?;
        platform::blocking::holding(permit, work).await.map_err(ApiError::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_is_right() {
        let passwords = Passwords::new(1).unwrap();
        let stored = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.verify("correct horse".to_owned(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("battery staple".to_owned(), Some(stored)).await.unwrap());
        assert!(!passwords.verify("nobody has this password".to_owned(), None).await.unwrap());
    }

    #[tokio::test]
    async fn whoever_hangs_up_keeps_the_place_until_the_work_is_done() {
        let passwords = Passwords::new(1).unwrap();
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let asking = passwords.run(move || {
            begun.send(()).unwrap();
            ends.recv().unwrap();
        });
        tokio::select! {
            _ = asking => panic!("it was not ended"),
            begun = begins.recv() => begun.unwrap(),
        }
        assert_eq!(passwords.room.available_permits(), 0);
        end.send(()).unwrap();
        drop(passwords.room.acquire().await.unwrap());
    }
}
