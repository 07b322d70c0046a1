//! How many may register from one place: whoever makes accounts by the hundred makes them for something else than driving.

use std::{net::IpAddr, time::Duration};

use crate::{auth::Origin, error::ApiError, front::Front, window::Limit};

/// Counts a registration, whatever becomes of it.
///
/// # Errors
/// `rate_limited` when there were `REGISTRATIONS_PER_HOUR` from there.
pub(super) async fn arrive(front: &Front, origin: &Origin) -> Result<(), ApiError> {
    let most = front.settings.registrations_per_hour;
    let Some(place) = origin.ip.as_deref().map(place).filter(|_| most > 0) else { return Ok(()) };
    let limit = Limit { word: "arrival", policy: "registrations", most, within: Duration::from_secs(3_600) };
    front.windows.count(&limit, &place).await.map(drop).map_err(|quota| {
        metrics::counter!("registrations_refused_total").increment(1);
        let minutes = quota.wait.div_ceil(60);
        ApiError::used_up(quota, format!("Too many registered from your address. Try again in {minutes} minutes."))
    })
}

/// An address, or of IPv6 the network of 64 bits that one subscriber gets.
fn place(ip: &str) -> String {
    match ip.parse() {
        Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_none() => {
            ip.segments()[..4].iter().map(|segment| format!("{segment:x}:")).collect()
        }
        _ => ip.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_is_one_place() {
        assert_eq!(place("2001:db8:0:7::1"), place("2001:db8:0:7:a:b:c:d"));
        assert_ne!(place("2001:db8:0:7::1"), place("2001:db8:0:8::1"));
        assert_ne!(place("::ffff:203.0.113.7"), place("::ffff:203.0.113.8"));
        assert_ne!(place("203.0.113.7"), place("203.0.113.8"));
    }
}
