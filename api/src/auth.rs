//! Who asks, and whether they may: the bearer token and the scope that an operation names.
//!
//! An operation is protected by taking a [`Caller`] of its scope. One that takes
//! none is open to everybody, and a test lists those by name.

use std::{
    marker::PhantomData,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use poem::{FromRequest, Request, RequestBody, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use rules::{
    account::{Role, Scope},
    problem,
};
use sea_orm::{Condition, sea_query::Expr};
use uuid::Uuid;

use crate::{address, error::ApiError, front::Front, token};

/// A scope as a type.
pub trait Needs: Send + Sync + 'static {
    const SCOPE: Scope;
}

macro_rules! needs {
    ($($name:ident),+ $(,)?) => {
        $(
            #[doc = concat!("`Scope::", stringify!($name), "` as a type.")]
            pub struct $name;

            impl Needs for $name {
                const SCOPE: Scope = Scope::$name;
            }
        )+
    };
}

needs!(
    ProfileRead,
    ProfileWrite,
    BookingsRead,
    BookingsWrite,
    ReturnsRead,
    ReturnsWrite,
    ReturnsDecide,
    MediaRead,
    JobsRead,
    JobsManage,
    CarsWrite,
    BranchesManage,
    StaffManage,
    SettingsWrite,
    NotificationsRead,
    NotificationsWrite,
    WaitlistRead,
    WaitlistWrite,
    WaitlistManage,
);

/// Somebody with a good token whose role has the scope `S`.
pub struct Caller<S> {
    pub account_id: Uuid,
    pub session_id: Uuid,
    pub role: Role,
    scope: PhantomData<S>,
}

impl<S> Caller<S> {
    /// Sees and handles what belongs to other people's rentals.
    pub fn is_staff(&self) -> bool {
        self.role.is_staff()
    }

    /// The account that rows must belong to, or `None` when all may be seen.
    pub fn owner(&self) -> Option<Uuid> {
        (!self.is_staff()).then_some(self.account_id)
    }

    /// Decides returns, at least those of the own branch, and so looks at other people's photos.
    pub fn decides(&self) -> bool {
        self.role.may(Scope::ReturnsDecide)
    }

    /// What a rental must meet to be seen, by its columns for the customer and the branch: one's own, those of the branch that
    /// one decides for, or, without a condition, all. `$1` is the account.
    fn sight(&self, customer: &str, branch: &str) -> Option<String> {
        match (self.is_staff(), self.decides()) {
            (true, _) => None,
            (false, true) => Some(format!(
                "({customer} = $1 or {branch} = (select account.branch_id from account where account.id = $1))"
            )),
            (false, false) => Some(format!("{customer} = $1")),
        }
    }

    /// Rows of a table of rentals that the caller may see.
    pub(crate) fn sees(&self, table: &str) -> Condition {
        let sight = self.sight(&format!("{table}.customer_id"), &format!("{table}.branch_id"));
        Condition::all().add_option(sight.map(|sight| Expr::cust_with_values(sight, [self.account_id])))
    }

    /// Rows that belong to a booking which the caller may see.
    pub(crate) fn sees_by_booking(&self, table: &str) -> Condition {
        let sight = self.sight("b.customer_id", "b.branch_id");
        let through = |sight| format!("exists (select 1 from booking b where b.id = {table}.booking_id and {sight})");
        Condition::all().add_option(sight.map(|sight| Expr::cust_with_values(through(sight), [self.account_id])))
    }
}

/// The refusal of somebody without a token.
pub(crate) fn unauthenticated() -> ApiError {
    ApiError::new(problem::UNAUTHENTICATED, "Send an access token: Authorization: Bearer …")
}

/// The name of the scheme in the OpenAPI document.
pub(crate) const SCHEME: &str = "AccessToken";

impl<S: Needs> Caller<S> {
    fn identify(request: &Request) -> Result<Self, ApiError> {
        let front = request.data::<Arc<Front>>().ok_or_else(|| ApiError::internal("the front is not there"))?;
        let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else {
            return Err(unauthenticated());
        };
        let claims = front.tokens.verify(token.trim())?;
        if front.revoked.contains(claims.sid) {
            return Err(token::invalid());
        }
        if !claims.role.may(S::SCOPE) {
            let words = format!("This needs the scope {}, which the role {} does not have.", S::SCOPE, claims.role);
            return Err(ApiError::new(problem::FORBIDDEN, words));
        }
        address::hold_query(request.method(), request.original_uri(), true)?;
        address::hold_body(request.method(), request.original_uri(), true, request.extensions().get())?;
        Ok(Self { account_id: claims.sub, session_id: claims.sid, role: claims.role, scope: PhantomData })
    }
}

/// A [`Caller`], or somebody without any token, whom the operation itself sends away where it must.
pub struct Visitor<S>(pub Option<Caller<S>>);

impl<'a, S: Needs> ApiExtractor<'a> for Visitor<S> {
    const TYPES: &'static [ApiExtractorType] = Caller::<S>::TYPES;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Caller::<S>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Caller::<S>::security_schemes()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let signed = request.headers().contains_key(header::AUTHORIZATION);
        if !signed {
            address::hold_body(request.method(), request.original_uri(), true, request.extensions().get())?;
        }
        Ok(Self(signed.then(|| Caller::identify(request)).transpose()?))
    }
}

impl<'a, S: Needs> ApiExtractor<'a> for Caller<S> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "http",
                description: Some("The accessToken of POST /auth/login."),
                name: None,
                key_in: None,
                scheme: Some("bearer"),
                bearer_format: Some("JWT"),
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        Ok(Self::identify(request)?)
    }
}

/// Whether somebody of the house asks, where everybody may. A token that is not good is like none.
pub(crate) struct ByStaff(pub(crate) bool);

impl<'a> FromRequest<'a> for ByStaff {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(Caller::<ProfileRead>::identify(request).is_ok_and(|caller| caller.is_staff())))
    }
}

/// Where a request came from: kept with sessions and photos as evidence.
pub struct Origin {
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}

impl<'a> FromRequest<'a> for Origin {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let front = request.data::<Arc<Front>>().ok_or_else(|| ApiError::internal("the front is not there"))?;
        let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let peer = || request.remote_addr().as_socket_addr().map(SocketAddr::ip);
        Ok(Self {
            ip: forwarded(request, front.settings.proxies).or_else(peer).map(|ip| ip.to_string()),
            user_agent: agent.map(|agent| agent.chars().take(200).collect()),
        })
    }
}

/// For whom so many proxies of ours, one behind the other, pass on a request. Each adds at the right whom it answers; what stands
/// further left the client may have made up.
fn forwarded(request: &Request, proxies: usize) -> Option<IpAddr> {
    let lines = request.headers().get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let added: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let told = *added.get(added.len().checked_sub(proxies)?)?;
    // Some write the port, too.
    told.parse().ok().or_else(|| Some(told.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_who_the_outermost_proxy_of_ours_answers_whatever_it_says_itself() {
        let told = |lines: &[&str], proxies| {
            let request =
                lines.iter().fold(Request::builder(), |request, line| request.header("x-forwarded-for", *line));
            forwarded(&request.finish(), proxies).map(|ip| ip.to_string())
        };
        let lines = ["198.51.100.1, 203.0.113.7", "[2001:db8::1]:443,10.0.0.2:80"];
        let answered = [1, 2, 3, 4].map(|proxies| told(&lines, proxies).unwrap());
        assert_eq!(answered, ["10.0.0.2", "2001:db8::1", "203.0.113.7", "198.51.100.1"]);
        assert_eq!([told(&lines, 0), told(&lines, 5), told(&["unknown"], 1), told(&[], 1)], [const { None }; 4]);
    }
}
