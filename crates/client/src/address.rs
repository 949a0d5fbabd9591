//! Where a host is.

use crate::Error;
use hyper::Uri;
use std::fmt::{self, Display};
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a host is: `unix:PATH`, a path, `http://NAME:PORT` on this machine, or `https://NAME:PORT`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A Unix socket of this machine.
    Unix(PathBuf),
    /// A TCP port.
    Tcp {
        /// A name or an address, the latter without brackets.
        name: String,
        /// The port.
        port: u16,
        /// Whether TLS is spoken there.
        tls: bool,
    },
}

impl Address {
    /// What goes into `host`.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Tcp { name, port, .. } if name.contains(':') => format!("[{name}]:{port}"),
            Self::Tcp { name, port, .. } => format!("{name}:{port}"),
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |why: &str| Error::Address(format!("'{text}' is no address of a host: {why}"));
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        if !text.contains("://") {
            return Ok(Self::Unix(text.into()));
        }
        let uri: Uri = text.parse().map_err(|error: hyper::http::uri::InvalidUri| bad(&error.to_string()))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(bad("it begins with unix:, http:// or https://")),
        };
        if uri.path_and_query().is_some_and(|rest| rest != "/") || text.contains(['@', '#']) {
            return Err(bad("it ends with the port"));
        }
        let name = uri.host().unwrap_or_default();
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name).to_owned();
        let here = name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if !tls && !here {
            return Err(bad("whoever is in between could read along; use https://"));
        }
        let named_only = uri.authority().is_some_and(|authority| authority.as_str() == authority.host());
        let port = match uri.port_u16() {
            Some(port) => port,
            None if named_only => {
                if tls {
                    443
                } else {
                    80
                }
            }
            None => return Err(bad("the port is no number up to 65535")),
        };
        Ok(Self::Tcp { name, port, tls })
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp { tls, .. } => {
                write!(f, "{}://{}", if *tls { "https" } else { "http" }, self.authority())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(name: &str, port: u16, tls: bool) -> Address {
        Address::Tcp { name: name.to_owned(), port, tls }
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        let cases = [
            ("https://vm-host.example:8443", tcp("vm-host.example", 8443, true)),
            ("https://[2001:db8::1]:8443", tcp("2001:db8::1", 8443, true)),
            ("http://127.0.0.1:8080", tcp("127.0.0.1", 8080, false)),
            ("http://[::1]:8080", tcp("::1", 8080, false)),
            ("/run/memtide/host.socket", Address::Unix("/run/memtide/host.socket".into())),
        ];
        for (text, address) in cases {
            assert_eq!(
                (text.parse::<Address>().unwrap(), address.to_string()),
                (address.clone(), text.to_owned())
            );
        }
        assert_eq!("unix:a b".parse::<Address>().unwrap(), Address::Unix("a b".into()));
        assert_eq!("https://a/".parse::<Address>().unwrap(), tcp("a", 443, true));
        assert_eq!("http://localhost".parse::<Address>().unwrap(), tcp("localhost", 80, false));
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "ftp://a",
            "https://",
            "https://a:b",
            "https://a/v1",
            "https://a?b",
            "https://u:p@a",
            "http://a b",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
        let plain = "http://vm-host.example".parse::<Address>().unwrap_err().to_string();
        assert!(plain.contains("https://"), "{plain}");
    }
}
