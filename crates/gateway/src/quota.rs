//! What the headers of an answer say about the account's quota. CLIs hide most of it: Claude Code with an API key never tells
//! `retry-after`, and fails at once where it is more than a minute.

use http::{HeaderMap, StatusCode};

/// A pause below this is the client's own matter, which waits it out; a longer one is the account's.
const LONG_PAUSE_MS: i64 = 5_000;

/// The statuses of an account that is refused: no credential, no money. What is forbidden may be one model alone, which an agent has
/// chosen: what that means is the run's own matter.
const REFUSED: [StatusCode; 2] = [StatusCode::UNAUTHORIZED, StatusCode::PAYMENT_REQUIRED];

/// What an answer means for its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It works.
    Ok,
    /// Its quota is used up, until then.
    Limited {
        /// When it is there again, in milliseconds since 1970.
        reset_at_ms: i64,
    },
    /// It is refused.
    Refused,
    /// Nothing is known: another kind of failure, or a limit that the client itself waits out, or that ends nobody knows when.
    Unknown,
}

/// Reads status and headers.
pub(crate) fn standing(status: StatusCode, headers: &HeaderMap, now_ms: i64) -> Standing {
    if status.is_success() {
        return Standing::Ok;
    }
    if REFUSED.contains(&status) {
        // A proxy or firewall on the way says no in HTML: the account is not to blame.
        let json = headers
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        return if json { Standing::Refused } else { Standing::Unknown };
    }
    if status != StatusCode::TOO_MANY_REQUESTS {
        // 529 (overloaded) is the service's state, not the account's: it has no reset that holds for the account.
        return Standing::Unknown;
    }
    match reset_at_ms(headers, now_ms) {
        Some(reset_at_ms) if reset_at_ms - now_ms >= LONG_PAUSE_MS => Standing::Limited { reset_at_ms },
        _ => Standing::Unknown,
    }
}

/// A wait that only the body of an answer tells.
pub(crate) fn standing_after(wait_ms: i64, now_ms: i64) -> Standing {
    if wait_ms >= LONG_PAUSE_MS {
        Standing::Limited { reset_at_ms: now_ms.saturating_add(wait_ms) }
    } else {
        Standing::Unknown
    }
}

/// When the quota is there again, in milliseconds since 1970: as `retry-after-ms` or `retry-after` (RFC 9110, section 10.2.3) has it; else as
/// the limits have it that are used up, or all of them if none says so.
fn reset_at_ms(headers: &HeaderMap, now_ms: i64) -> Option<i64> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let unified = || text("anthropic-ratelimit-unified-reset").and_then(time_ms);
    let waits = || {
        let ms = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()).and_then(whole);
        ms.or_else(|| text("retry-after").and_then(|after| retry_after_ms(after, now_ms)))
            .map(|ms| now_ms.saturating_add(ms))
    };
    waits().or_else(unified).or_else(|| of_limits(headers, now_ms))
}

fn of_limits(headers: &HeaderMap, now_ms: i64) -> Option<i64> {
    let (mut used_up, mut any) = (None, None);
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        let name = name.as_str();
        let (reset, remaining) =
            if let Some(limit) = name.strip_prefix("anthropic-ratelimit-").and_then(|n| n.strip_suffix("-reset")) {
                (time_ms(value), format!("anthropic-ratelimit-{limit}-remaining"))
            } else if let Some(limit) = name.strip_prefix("x-ratelimit-reset-") {
                (duration_ms(value).map(|ms| now_ms.saturating_add(ms)), format!("x-ratelimit-remaining-{limit}"))
            } else {
                continue;
            };
        any = any.max(reset);
        if headers.get(remaining).is_some_and(|left| left.as_bytes().trim_ascii() == b"0") {
            used_up = used_up.max(reset);
        }
    }
    used_up.or(any)
}

/// Seconds or an HTTP date, as milliseconds from now.
fn retry_after_ms(value: &str, now_ms: i64) -> Option<i64> {
    if let Ok(seconds) = value.parse::<f64>() {
        return whole(seconds * 1_000.0);
    }
    let at = httpdate::parse_http_date(value).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(i64::try_from(at.as_millis()).ok()?.saturating_sub(now_ms))
}

/// A time as RFC 3339 or in seconds since 1970, as milliseconds since then.
fn time_ms(value: &str) -> Option<i64> {
    if let Ok(seconds) = value.parse::<f64>() {
        return whole(seconds * 1_000.0);
    }
    value.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// A span as OpenAI and Gemini write it, `1h2m3.5s` or `20ms`, as milliseconds.
pub(crate) fn duration_ms(value: &str) -> Option<i64> {
    let (mut rest, mut total) = (value.trim(), 0.0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, tail) = rest.split_at(number);
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let of = match unit {
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            _ => return None,
        };
        total += digits.parse::<f64>().ok()? * of;
        rest = tail;
    }
    whole(total)
}

/// A number of milliseconds that can be one: no more than ten thousand years.
#[expect(clippy::cast_possible_truncation, reason = "it is checked to fit")]
fn whole(ms: f64) -> Option<i64> {
    (ms.is_finite() && (0.0..=3.2e14).contains(&ms)).then(|| ms.ceil() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_400_000_000;

    fn read(status: u16, headers: &[(&'static str, &str)]) -> Standing {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        standing(StatusCode::from_u16(status).unwrap(), &headers, NOW)
    }

    fn limited(in_ms: i64) -> Standing {
        Standing::Limited { reset_at_ms: NOW + in_ms }
    }

    #[test]
    fn every_way_to_say_when_is_understood() {
        let date =
            httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis((NOW + 90_000) as u64));
        for (headers, expected) in [
            (vec![("retry-after", "3600")], limited(3_600_000)),
            (vec![("retry-after", date.as_str())], limited(90_000)),
            (vec![("retry-after-ms", "61000.5"), ("retry-after", "7")], limited(61_001)),
            (
                vec![
                    ("anthropic-ratelimit-unified-status", "rejected"),
                    ("anthropic-ratelimit-unified-reset", "1795400100"),
                ],
                limited(100_000),
            ),
            (
                vec![
                    ("anthropic-ratelimit-requests-reset", "2026-11-23T03:13:20Z"),
                    ("anthropic-ratelimit-requests-remaining", "10"),
                    ("anthropic-ratelimit-input-tokens-reset", "2026-11-23T02:14:20Z"),
                    ("anthropic-ratelimit-input-tokens-remaining", "0"),
                ],
                limited(60_000),
            ),
            (vec![("x-ratelimit-reset-requests", "6m0s"), ("x-ratelimit-reset-tokens", "8.5s")], limited(360_000)),
            (
                vec![
                    ("x-ratelimit-reset-requests", "6m0s"),
                    ("x-ratelimit-reset-tokens", "8s"),
                    ("x-ratelimit-remaining-tokens", "0"),
                ],
                limited(8_000),
            ),
        ] {
            assert_eq!(read(429, &headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn short_and_unknown_waits_are_the_clients_own_matter() {
        for headers in
            [vec![], vec![("retry-after", "2")], vec![("retry-after", "soon")], vec![("retry-after", "1e999")]]
        {
            assert_eq!(read(429, &headers), Standing::Unknown, "{headers:?}");
        }
        assert_eq!(read(529, &[("retry-after", "3600")]), Standing::Unknown);
        assert_eq!(read(500, &[]), Standing::Unknown);
    }

    #[test]
    fn an_account_is_refused_by_its_api_and_not_by_a_firewall() {
        for status in [401, 402] {
            assert_eq!(read(status, &[("content-type", "application/json")]), Standing::Refused);
        }
        assert_eq!(read(403, &[("content-type", "text/html")]), Standing::Unknown);
        assert_eq!(read(200, &[]), Standing::Ok);
    }

    #[test]
    fn spans_are_read_and_nonsense_is_not() {
        assert_eq!(duration_ms("1h2m3.5s"), Some(3_723_500));
        assert_eq!(duration_ms("20ms"), Some(20));
        for nonsense in ["", "s", "5", "5 s", "1.2.3s", "-1s", "9999999999999999d"] {
            assert_eq!(duration_ms(nonsense), None, "{nonsense}");
        }
    }
}
