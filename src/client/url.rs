//! The address of a server: `http` or `https`, host, port, and a path prefix if a proxy adds one.

use std::str::FromStr;

/// An address that a client can connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// True for `https`.
    pub(crate) tls: bool,
    /// Host without brackets.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// Host and port as they stand in the Host header.
    pub(crate) authority: String,
    /// Path before the API's own, without a slash at its end.
    pub(crate) prefix: String,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| {
            format!("`{text}` is not a server address ({why}): write http://127.0.0.1:16686")
        };
        let uri: http::Uri = text.parse().map_err(|error| refuse(&format!("{error}")))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(refuse("it does not start with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("a password does not belong in it; use a token"));
        }
        let default = if tls { 443 } else { 80 };
        let port = match authority.as_str().strip_prefix(authority.host()) {
            None | Some("") => default,
            Some(port) => port[1..].parse().map_err(|_| refuse("its port is none"))?,
        };
        if uri.query().is_some() {
            return Err(refuse("it has a query"));
        }
        Ok(Self {
            tls,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port,
            authority: authority.to_string(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let check = |text: &str, tls, host: &str, port, prefix: &str| {
            let url: Url = text.parse().unwrap();
            assert_eq!(
                (url.tls, url.host.as_str(), url.port, url.prefix.as_str()),
                (tls, host, port, prefix),
                "{text}"
            );
        };
        check("http://127.0.0.1:4318", false, "127.0.0.1", 4318, "");
        check("http://localhost:4318/", false, "localhost", 4318, "");
        check("https://clew.example", true, "clew.example", 443, "");
        check(
            "https://clew.example/traces/",
            true,
            "clew.example",
            443,
            "/traces",
        );
        check("http://[::1]:9411", false, "::1", 9411, "");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "127.0.0.1:4318",
            "localhost",
            "ftp://a",
            "http://",
            "http://u:p@h",
            "http://h/?q=1",
            "http://h:99999",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
