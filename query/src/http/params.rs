//! Query parameters: repeated keys, several spellings, and errors that name the parameter.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::error::QueryError;

/// The parameters of a request's query string, decoded, in the order sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// The parameters of `query`, the part of a URL after `?`.
    pub(crate) fn parse(query: &str) -> Self {
        Self(
            url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first value under one of `names` that is not empty; an earlier name wins.
    pub(crate) fn get<'a>(&'a self, names: &[&str]) -> Option<&'a str> {
        names
            .iter()
            .find_map(|name| self.all(name).find(|value| !value.is_empty()))
    }

    /// All values under `name`, empty ones included.
    pub(crate) fn all<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value under one of `names`, parsed.
    ///
    /// # Errors
    /// Names the parameter when its value is not one of `T`'s.
    pub(crate) fn parsed<T: FromStr>(
        &self,
        names: &[&str],
        expected: &str,
    ) -> Result<Option<T>, QueryError> {
        let Some(text) = self.get(names) else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| malformed(names[0], text, expected))
    }

    /// A truth value as Go reads it: `1`, `t`, `true`, `0`, `f`, `false` in lower, upper or title case.
    ///
    /// # Errors
    /// Names the parameter when its value is none of these.
    pub(crate) fn flag(&self, names: &[&str]) -> Result<bool, QueryError> {
        let Some(text) = self.get(names) else {
            return Ok(false);
        };
        go_bool(text).ok_or_else(|| malformed(names[0], text, "true or false"))
    }

    /// True when a JSON answer is to be indented: `prettyPrint` is there and not `false`.
    pub(crate) fn pretty(&self) -> bool {
        self.get(&["prettyPrint"])
            .is_some_and(|value| value != "false")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

/// The error for a parameter whose value cannot be read.
pub(crate) fn malformed(name: &str, text: &str, expected: &str) -> QueryError {
    let shown: String = text.chars().take(80).collect();
    QueryError::invalid(format!(
        "malformed parameter {name}: `{shown}` is not {expected}"
    ))
}

/// Reads a truth value as Go's `strconv.ParseBool` does.
pub(crate) fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_that_is_not_empty_wins_and_earlier_names_go_first() {
        let params = Params::parse("b=2&a=&a=1&a=3&c=x%20y+z");
        assert_eq!(params.get(&["a"]), Some("1"));
        assert_eq!(params.get(&["a", "b"]), Some("1"));
        assert_eq!(params.get(&["z", "b"]), Some("2"));
        assert_eq!(params.get(&["c"]), Some("x y z"));
        assert_eq!(params.all("a").collect::<Vec<_>>(), ["", "1", "3"]);
    }

    #[test]
    fn a_malformed_value_names_its_parameter() {
        let params = Params::parse("limit=ten&raw=maybe");
        let error = params.parsed::<usize>(&["limit"], "a number").unwrap_err();
        assert_eq!(
            error.to_string(),
            "malformed parameter limit: `ten` is not a number"
        );
        assert!(params.flag(&["raw"]).is_err());
        assert!(!params.flag(&["absent"]).unwrap());
    }
}
