//! A small strict JSON reader for the tests.
//!
//! Numbers stay as the text that was sent, so that no digit of a 64-bit integer or a double is lost before it is compared,
//! and a key that stands twice in one object is an error. It shares no code with the server.

use std::fmt;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// The number as it was written.
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Parses a whole document.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        reader.space();
        if reader.at < text.len() {
            return Err(reader.error("text after the end"));
        }
        Ok(value)
    }

    /// Member `key` of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Member `key`, which must be there.
    #[track_caller]
    pub(crate) fn at(&self, key: &str) -> &Json {
        self.get(key)
            .unwrap_or_else(|| panic!("no `{key}` in {self}"))
    }

    /// The elements; an empty slice when this is not an array.
    pub(crate) fn items(&self) -> &[Json] {
        match self {
            Json::Array(items) => items,
            _ => &[],
        }
    }

    /// The text of a string.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        match self {
            Json::String(text) => text,
            other => panic!("not a string: {other}"),
        }
    }

    /// An unsigned integer, written as a number or as a decimal string.
    #[track_caller]
    pub(crate) fn count(&self) -> u64 {
        match self {
            Json::Number(text) | Json::String(text) => text
                .parse()
                .unwrap_or_else(|_| panic!("not a count: {text}")),
            other => panic!("not a number: {other}"),
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{self:?}");
        let cut: String = text.chars().take(2_000).collect();
        f.write_str(&cut)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn error(&self, what: &str) -> String {
        let rest: String = self.text[self.at..].chars().take(40).collect();
        format!("JSON, byte {}: {what}, before `{rest}`", self.at)
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    fn take(&mut self, word: &str) -> Result<(), String> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error(&format!("expected `{word}`")));
        }
        self.at += word.len();
        Ok(())
    }

    fn value(&mut self) -> Result<Json, String> {
        self.space();
        match self.peek() {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => self.string().map(Json::String),
            b't' => self.take("true").map(|()| Json::Bool(true)),
            b'f' => self.take("false").map(|()| Json::Bool(false)),
            b'n' => self.take("null").map(|()| Json::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self) -> Result<Json, String> {
        self.take("{")?;
        let mut members: Vec<(String, Json)> = Vec::new();
        loop {
            self.space();
            if members.is_empty() && self.peek() == b'}' {
                break;
            }
            let key = self.string()?;
            if members.iter().any(|(name, _)| *name == key) {
                return Err(self.error(&format!("key `{key}` twice")));
            }
            self.space();
            self.take(":")?;
            let value = self.value()?;
            members.push((key, value));
            self.space();
            if self.peek() != b',' {
                break;
            }
            self.at += 1;
        }
        self.take("}")?;
        Ok(Json::Object(members))
    }

    fn array(&mut self) -> Result<Json, String> {
        self.take("[")?;
        let mut items = Vec::new();
        loop {
            self.space();
            if items.is_empty() && self.peek() == b']' {
                break;
            }
            items.push(self.value()?);
            self.space();
            if self.peek() != b',' {
                break;
            }
            self.at += 1;
        }
        self.take("]")?;
        Ok(Json::Array(items))
    }

    fn number(&mut self) -> Result<Json, String> {
        let start = self.at;
        while matches!(self.peek(), b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        if text.parse::<f64>().is_err() || text.starts_with(['+', '.']) {
            return Err(self.error("expected a value"));
        }
        Ok(Json::Number(text.to_owned()))
    }

    fn string(&mut self) -> Result<String, String> {
        self.take("\"")?;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .find(|c: char| c == '"' || c == '\\' || c < ' ')
                .ok_or_else(|| self.error("string without an end"))?;
            text.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                b'"' => break,
                b'\\' => text.push(self.escape()?),
                _ => return Err(self.error("control character in a string")),
            }
        }
        self.at += 1;
        Ok(text)
    }

    fn escape(&mut self) -> Result<char, String> {
        self.at += 2;
        let found = match self.text.as_bytes().get(self.at - 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(format!("JSON, byte {}: unknown escape", self.at)),
        };
        Ok(found)
    }

    fn unicode(&mut self) -> Result<char, String> {
        let mut units = vec![self.four_digits()?];
        if (0xd800..0xdc00).contains(&units[0]) {
            self.take("\\u")?;
            units.push(self.four_digits()?);
        }
        char::decode_utf16(units)
            .next()
            .and_then(Result::ok)
            .ok_or_else(|| self.error("lone surrogate"))
    }

    fn four_digits(&mut self) -> Result<u16, String> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .ok_or_else(|| self.error("cut escape"))?;
        let unit =
            u16::from_str_radix(digits, 16).map_err(|_| self.error("not four hex digits"))?;
        self.at += 4;
        Ok(unit)
    }
}

#[test]
fn reads_what_json_allows_and_refuses_the_rest() {
    let text =
        r#" {"a": [1, -2.50e3, "x\n\u00e9\ud83d\ude00"], "b": {}, "c": [null, true, false]} "#;
    let json = Json::parse(text).unwrap();
    assert_eq!(json.at("a").items()[1], Json::Number("-2.50e3".into()));
    assert_eq!(json.at("a").items()[2].text(), "x\né😀");
    for bad in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,\"a\":2}",
        "\"\\ud800\"",
        "\"\n\"",
        "1 2",
        "+1",
        "nul",
    ] {
        assert!(Json::parse(bad).is_err(), "{bad}");
    }
}
