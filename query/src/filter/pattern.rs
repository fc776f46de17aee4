//! A regular expression that is known to be sound.

use regex::{Regex, RegexBuilder};

/// A compiled regular expression, found anywhere in a text. Equal when the sources are.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Compiles `source`, to at most `bytes_max`.
    ///
    /// # Errors
    /// Says what is wrong with it, in one line.
    pub(crate) fn new(source: &str, bytes_max: usize) -> Result<Self, String> {
        let regex = RegexBuilder::new(source).size_limit(bytes_max).build();
        regex.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => format!("compiled it is over {bytes_max} bytes"),
            // The message shows the place in lines of their own; the last one says what it is.
            other => {
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default();
                last.trim_start_matches("error: ").to_owned()
            }
        })
    }

    /// What matches `text` and nothing else.
    pub(crate) fn exactly(text: &str) -> Self {
        let source = format!("(?s)^{}$", regex::escape(text));
        // As long as the text, which a limit bounds.
        Self(Regex::new(&source).expect("an escaped text is a regular expression"))
    }

    /// What matches `text` in upper, lower or mixed case, and nothing else.
    pub(crate) fn exactly_in_any_case(text: &str) -> Self {
        let source = format!("(?is)^{}$", regex::escape(text));
        // As long as the text, which a limit bounds.
        Self(Regex::new(&source).expect("an escaped text is a regular expression"))
    }

    /// The source.
    pub(crate) fn source(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is found in `text`.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}
