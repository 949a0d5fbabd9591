//! Whether a browser asks on behalf of somebody else's page.
//!
//! **Model.** No page but the host's own may ask it anything. A browser says in `origin` whose page asks, and in `host` under
//! which name it found the host. A page can make a name of its own lead to the host (DNS rebinding), and is then one of the
//! host's own for the browser. So the host answers only under names it knows: `localhost`, those it was given, and any address, as an
//! address leads where it says.
//!
//! Over the Unix socket, which no browser asks, none of this is looked at.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri, header};
use model::{Problem, ProblemCode};
use std::net::IpAddr;

/// Refuses requests under a foreign name, and those of foreign pages.
pub(super) fn check(uri: &Uri, headers: &HeaderMap, names: &[String], tls: bool) -> Result<(), Problem> {
    let host = only(headers, &header::HOST)?.unwrap_or_default();
    // As proxies are asked. Two that read this by two names would not agree on what it asks for.
    if let Some(asked) = uri.authority().filter(|asked| !asked.as_str().eq_ignore_ascii_case(host)) {
        return Err(Problem::new(
            ProblemCode::ForeignHost,
            format!("'{asked}' is asked, and the header host says '{host}'"),
        )
        .hint("ask for a path alone"));
    }
    if !is_known(host, names) {
        return Err(Problem::new(ProblemCode::ForeignHost, format!("this host is not called '{host}'"))
            .hint("use an address, or give the host that name with --name"));
    }
    let scheme = if tls { "https" } else { "http" };
    match only(headers, &header::ORIGIN)? {
        Some(origin) if !origin.eq_ignore_ascii_case(&format!("{scheme}://{host}")) => {
            Err(Problem::new(ProblemCode::ForeignOrigin, format!("pages of '{origin}' may ask nothing here")))
        }
        _ => Ok(()),
    }
}

/// The header's value, if it is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| Problem::new(ProblemCode::BadHeader, format!("{name} is no text"))),
        _ => Err(Problem::new(ProblemCode::BadHeader, format!("{name} is there twice"))),
    }
}

fn is_known(host: &str, names: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    // User and password belong into no `host`.
    if host.contains('@') {
        return false;
    }
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    address.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(headers: &[(HeaderName, &str)], tls: bool) -> Option<ProblemCode> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        check(&Uri::from_static("/v1/vms"), &headers, &["vm-host.example".to_owned()], tls)
            .err()
            .map(|problem| problem.code)
    }

    #[test]
    fn only_names_of_the_host_are_answered_under() {
        for good in
            ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:80", "192.0.2.7", "vm-host.example:8443"]
        {
            assert_eq!(code(&[(header::HOST, good)], false), None, "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "a@127.0.0.1",
            "::1",
            "1 2",
            "[::1",
        ] {
            assert_eq!(code(&[(header::HOST, bad)], false), Some(ProblemCode::ForeignHost), "{bad}");
        }
        assert_eq!(code(&[], false), Some(ProblemCode::ForeignHost));
    }

    #[test]
    fn only_pages_of_the_host_may_ask() {
        let from = |origin, tls| code(&[(header::HOST, "localhost:8080"), (header::ORIGIN, origin)], tls);
        assert_eq!(from("http://localhost:8080", false), None);
        assert_eq!(from("https://localhost:8080", true), None);
        for foreign in [
            "null",
            "",
            "http://localhost",
            "http://127.0.0.1:8080",
            "https://evil.example",
            "localhost:8080",
        ] {
            assert_eq!(from(foreign, false), Some(ProblemCode::ForeignOrigin), "{foreign}");
        }
        assert_eq!(from("http://localhost:8080", true), Some(ProblemCode::ForeignOrigin));
    }

    #[test]
    fn a_target_and_a_host_that_differ_are_refused() {
        let headers = HeaderMap::from_iter([(header::HOST, "localhost:80".parse().unwrap())]);
        let code =
            |uri| check(&Uri::from_static(uri), &headers, &[], false).err().map(|problem| problem.code);
        assert_eq!((code("/v1/vms"), code("http://localhost:80/v1/vms")), (None, None));
        for foreign in
            ["http://evil.example/v1/vms", "http://localhost/v1/vms", "http://a@localhost:80/v1/vms"]
        {
            assert_eq!(code(foreign), Some(ProblemCode::ForeignHost), "{foreign}");
        }
    }

    #[test]
    fn what_is_said_twice_is_not_believed() {
        let mut headers = HeaderMap::new();
        for name in ["localhost", "evil.example"] {
            headers.append(header::HOST, name.parse().unwrap());
        }
        assert_eq!(
            check(&Uri::from_static("/"), &headers, &[], false).unwrap_err().code,
            ProblemCode::BadHeader
        );
    }
}
