//! Text that must not appear in a log, an error or a printed configuration.

use std::fmt;

use subtle::ConstantTimeEq;

/// Shortest token that is accepted, in bytes: below it, guessing is a danger.
pub(crate) const TOKEN_BYTES_MIN: usize = 16;

/// Longest token that is accepted, in bytes.
pub(crate) const TOKEN_BYTES_MAX: usize = 4096;

/// A bearer token. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Takes a token, unless it could not be sent in a header or is too short to be one.
    pub(crate) fn new(token: String) -> Result<Self, String> {
        if !(TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&token.len()) {
            return Err(format!(
                "a token has {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} characters, this one has {}; \
                 `openssl rand -hex 32` makes a good one",
                token.len()
            ));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token has only visible ASCII characters, without spaces".to_owned());
        }
        Ok(Self(token))
    }

    /// Compares in a time that does not depend on where the first difference is.
    pub(crate) fn matches(&self, offered: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(offered).into()
    }

    /// The token, to send it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_at_and_beyond_the_bounds() {
        for (bytes, taken) in [
            (TOKEN_BYTES_MIN - 1, false),
            (TOKEN_BYTES_MIN, true),
            (TOKEN_BYTES_MAX, true),
            (TOKEN_BYTES_MAX + 1, false),
        ] {
            assert_eq!(Secret::new("x".repeat(bytes)).is_ok(), taken, "{bytes}");
        }
    }

    #[test]
    fn what_no_header_can_carry_is_refused() {
        for token in [
            "with space in it xx",
            "newline\nnewline\nnewline",
            "ünïcödé ünïcödé",
        ] {
            assert!(Secret::new(token.to_owned()).is_err(), "{token}");
        }
    }

    #[test]
    fn only_the_whole_token_matches_and_nothing_shows_it() {
        let secret = Secret::new("0123456789abcdef".to_owned()).unwrap();
        assert!(secret.matches(b"0123456789abcdef"));
        for offered in [
            "",
            "0123456789abcde",
            "0123456789abcdef0",
            "0123456789abcdeF",
        ] {
            assert!(!secret.matches(offered.as_bytes()), "{offered}");
        }
        assert!(!format!("{secret:?}").contains("0123"));
    }
}
