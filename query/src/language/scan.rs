//! Walks over the text of a query, a sign at a time.

use crate::error::QueryError;

/// A place in the text.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Byte at which the next sign stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next sign.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes back, or on, to byte `at`, where a sign begins.
    pub(super) fn go(&mut self, at: usize) {
        self.at = at;
    }

    /// Passes blanks.
    pub(super) fn blanks(&mut self) {
        let rest = self.rest().trim_start();
        self.at = self.text.len() - rest.len();
    }

    /// Passes `sign` if it is next.
    pub(super) fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    /// Passes the signs up to the first that `ends`.
    pub(super) fn until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    /// Passes `word`, in any case, if it is next and ends there.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let start = self.at;
        if self.until(ends_key).eq_ignore_ascii_case(word) {
            return true;
        }
        self.at = start;
        false
    }

    /// Passes a text in quotes, if one is next.
    ///
    /// # Errors
    /// When it does not end.
    pub(super) fn quoted(&mut self) -> Result<Option<String>, QueryError> {
        let start = self.at;
        let Some(quote @ ('"' | '\'')) = self.peek() else {
            return Ok(None);
        };
        let mut text = String::new();
        let mut signs = self.rest().char_indices().skip(1);
        while let Some((place, sign)) = signs.next() {
            match sign {
                '\\' => match signs.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, other)) => text.push(other),
                    None => break,
                },
                sign if sign == quote => {
                    self.at = start + place + quote.len_utf8();
                    return Ok(Some(text));
                }
                sign => text.push(sign),
            }
        }
        Err(QueryError::at(
            start,
            format!("the text that begins with {quote} does not end"),
            format!("close it with {quote}; a {quote} inside is written \\{quote}"),
        ))
    }
}

/// True when a key ends at `sign`.
pub(super) fn ends_key(sign: char) -> bool {
    sign.is_whitespace() || "()|,=!<>~\"'".contains(sign)
}
