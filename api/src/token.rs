//! Access tokens: JWT with exactly one algorithm (HS256), typed `at+jwt` (RFC 9068, RFC 8725).
//!
//! A symmetric key, because only fronts verify and every front may also sign; it
//! verifies in microseconds, where a signature with a public key would be the
//! dearest part of a small request.

use std::time::Duration;

use chrono::Utc;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::ErrorKind};
use rules::{account::Role, problem};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::ApiError;

const ISSUER: &str = "forecourt";
const AUDIENCE: &str = "forecourt-api";
const TYPE: &str = "at+jwt";

/// What an access token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: Uuid,
    /// The account.
    pub sub: Uuid,
    /// The session it belongs to; revoking that revokes this.
    pub sid: Uuid,
    pub role: Role,
}

/// Signs and verifies access tokens.
pub struct Tokens {
    sign: EncodingKey,
    verify: DecodingKey,
    validation: Validation,
    life: Duration,
}

impl Tokens {
    pub fn new(key: &[u8; 32], life: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 5;
        Self { sign: EncodingKey::from_secret(key), verify: DecodingKey::from_secret(key), validation, life }
    }

    /// Seconds for which a token is good.
    pub fn life(&self) -> u64 {
        self.life.as_secs()
    }

    /// A token for a session.
    ///
    /// # Errors
    /// Never with a key of this kind; the library cannot promise that.
    pub fn issue(&self, account: Uuid, session: Uuid, role: Role) -> Result<String, ApiError> {
        let now = Utc::now().timestamp();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            exp: now + i64::try_from(self.life.as_secs()).unwrap_or(i64::MAX),
            nbf: now,
            iat: now,
            jti: Uuid::new_v4(),
            sub: account,
            sid: session,
            role,
        };
        let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &self.sign).map_err(ApiError::internal)
    }

    /// Who a token speaks for.
    ///
    /// # Errors
    /// `token_expired`, or `token_invalid` for everything else that is wrong with it.
    pub fn verify(&self, token: &str) -> Result<Claims, ApiError> {
        let token = decode::<Claims>(token, &self.verify, &self.validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => {
                ApiError::new(problem::TOKEN_EXPIRED, "Get a new access token with the refresh token.")
            }
            _ => invalid(),
        })?;
        if token.header.typ.as_deref() == Some(TYPE) { Ok(token.claims) } else { Err(invalid()) }
    }
}

/// The token cannot be used.
pub(crate) fn invalid() -> ApiError {
    ApiError::new(problem::TOKEN_INVALID, "Log in again to get a token that is good.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::new(&[1; 32], Duration::from_secs(60))
    }

    #[test]
    fn a_token_names_account_session_and_role() {
        let (account, session) = (Uuid::now_v7(), Uuid::now_v7());
        let token = tokens().issue(account, session, Role::Customer).unwrap();
        let claims = tokens().verify(&token).unwrap();
        assert_eq!((claims.sub, claims.sid, claims.role), (account, session, Role::Customer));
    }

    #[test]
    fn a_token_of_another_key_algorithm_or_type_is_invalid() {
        let other = Tokens::new(&[2; 32], Duration::from_secs(60));
        let token = other.issue(Uuid::nil(), Uuid::nil(), Role::Admin).unwrap();
        assert_eq!(tokens().verify(&token).unwrap_err().problem.code, "token_invalid");

        let claims = other.verify(&token).unwrap();
        for (algorithm, typ) in [(Algorithm::HS512, TYPE), (Algorithm::HS256, "JWT")] {
            let header = Header { typ: Some(typ.to_owned()), ..Header::new(algorithm) };
            let token = encode(&header, &claims, &EncodingKey::from_secret(&[1; 32])).unwrap();
            assert_eq!(tokens().verify(&token).unwrap_err().problem.code, "token_invalid");
        }
    }

    #[test]
    fn an_old_token_is_expired_and_not_merely_invalid() {
        let tokens = tokens();
        let fresh = tokens.issue(Uuid::nil(), Uuid::nil(), Role::Admin).unwrap();
        let mut claims = tokens.verify(&fresh).unwrap();
        claims.exp = Utc::now().timestamp() - 60;
        let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        let token = encode(&header, &claims, &EncodingKey::from_secret(&[1; 32])).unwrap();
        assert_eq!(tokens.verify(&token).unwrap_err().problem.code, "token_expired");
    }
}
