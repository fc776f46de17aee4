//! How the text of a setting is read and shown: one small module per kind of value.
//!
//! Each has `KIND`, the word that help and the reference show; `read`, which refuses what it does not understand and says
//! what would do; and `show`, whose text `read` takes back to the same value.

#![expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "every `show` has the same shape, so that one macro can call all of them"
)]

use super::value::Value;

/// Durations: `500ms`, `30s`, `1h30m`, `14d`. A bare number is refused, since its unit would be a guess.
pub(crate) mod duration {
    use std::time::Duration;

    use super::Value;

    /// Shown in help.
    pub(crate) const KIND: &str = "duration";

    /// Units from large to small, with their length in ms.
    const UNITS: [(&str, u64); 6] = [
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];

    /// Reads a duration.
    pub(crate) fn read(value: &Value) -> Result<Duration, String> {
        parse_text(value.text()?)
    }

    /// The duration that `text` states.
    pub(crate) fn parse_text(text: &str) -> Result<Duration, String> {
        parse(text)
            .ok_or_else(|| format!("`{text}` is not a duration: write 500ms, 30s, 1h30m or 14d"))
    }

    /// Shows a duration in the units that divide it.
    pub(crate) fn show(duration: &Duration) -> String {
        let mut rest = duration.as_millis() as u64;
        if rest == 0 {
            return "0s".to_owned();
        }
        let mut text = String::new();
        for (unit, length_ms) in UNITS.into_iter().filter(|(unit, _)| *unit != "w") {
            if rest >= length_ms {
                text += &(rest / length_ms).to_string();
                text += unit;
                rest %= length_ms;
            }
        }
        text
    }

    fn parse(text: &str) -> Option<Duration> {
        let mut rest = text.trim();
        let mut total_ms: u64 = 0;
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let unit = &rest[..letters];
            let (_, length_ms) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
            rest = &rest[letters..];
            total_ms = total_ms.checked_add(number.checked_mul(length_ms)?)?;
        }
        Some(Duration::from_millis(total_ms))
    }
}

/// A duration, or `off`.
pub(crate) mod duration_or_off {
    use std::time::Duration;

    use super::{Value, duration};

    /// Shown in help.
    pub(crate) const KIND: &str = "duration or off";

    /// Reads a duration or `off`.
    pub(crate) fn read(value: &Value) -> Result<Option<Duration>, String> {
        if value.is_off() {
            Ok(None)
        } else {
            duration::read(value).map(Some)
        }
    }

    /// Shows it.
    pub(crate) fn show(duration: &Option<Duration>) -> String {
        duration
            .as_ref()
            .map_or_else(|| "off".to_owned(), duration::show)
    }
}

/// Sizes in bytes: `64MiB`, `1GiB`, `512KiB`, `100B`; decimal `MB` too.
pub(crate) mod size {
    use super::Value;

    /// Shown in help.
    pub(crate) const KIND: &str = "size";

    /// Units from large to small; the first four are those that `show` uses.
    const UNITS: [(&str, u64); 8] = [
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("KB", 1_000),
        ("B", 1),
    ];

    /// Reads a size.
    pub(crate) fn read<T: TryFrom<u64>>(value: &Value) -> Result<T, String> {
        let bytes = parse_text(value.text()?)?;
        T::try_from(bytes).map_err(|_| format!("{bytes} bytes are more than fit here"))
    }

    /// The size that `text` states.
    pub(crate) fn parse_text(text: &str) -> Result<u64, String> {
        parse(text).ok_or_else(|| format!("`{text}` is not a size: write 64MiB, 512KiB or 1GiB"))
    }

    /// Shows a size in the largest binary unit that divides it.
    pub(crate) fn show<T: Copy + TryInto<u64>>(size: &T) -> String {
        let bytes: u64 = (*size).try_into().unwrap_or(u64::MAX);
        let unit = UNITS[..4]
            .iter()
            .find(|(_, length)| bytes > 0 && bytes.is_multiple_of(*length));
        match unit {
            Some((name, length)) => format!("{}{name}", bytes / length),
            None => format!("{bytes}B"),
        }
    }

    fn parse(text: &str) -> Option<u64> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[..digits].parse().ok()?;
        let unit = text[digits..].trim_start();
        let (_, length) = UNITS
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
        number.checked_mul(length)
    }
}

/// As [`size`], or `off`.
pub(crate) mod size_or_off {
    use super::{Value, size};

    /// Shown in help.
    pub(crate) const KIND: &str = "size or off";

    /// Reads it.
    pub(crate) fn read(value: &Value) -> Result<Option<u64>, String> {
        if value.is_off() {
            Ok(None)
        } else {
            size::read(value).map(Some)
        }
    }

    /// Shows it.
    pub(crate) fn show(size: &Option<u64>) -> String {
        size.as_ref().map_or_else(|| "off".to_owned(), size::show)
    }
}

/// Whole numbers.
pub(crate) mod count {
    use super::Value;

    /// Shown in help.
    pub(crate) const KIND: &str = "number";

    /// Reads a whole number.
    pub(crate) fn read<T: TryFrom<u64>>(value: &Value) -> Result<T, String> {
        let text = value.text()?;
        text.trim()
            .parse::<u64>()
            .ok()
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| format!("`{text}` is not a whole number that fits here"))
    }

    /// Shows it.
    pub(crate) fn show<T: ToString>(number: &T) -> String {
        number.to_string()
    }
}

/// TCP ports; 0 takes any free one, `off` closes the door.
pub(crate) mod port {
    use super::Value;

    /// Shown in help.
    pub(crate) const KIND: &str = "port or off";

    /// Reads a port.
    pub(crate) fn read(value: &Value) -> Result<Option<u16>, String> {
        if value.is_off() {
            return Ok(None);
        }
        let text = value.text()?;
        text.trim()
            .parse()
            .map(Some)
            .map_err(|_| format!("`{text}` is not a port: write a number up to 65535, or off"))
    }

    /// Shows it.
    pub(crate) fn show(port: &Option<u16>) -> String {
        port.map_or_else(|| "off".to_owned(), |port| port.to_string())
    }
}

/// Switches: `true` or `false`.
pub(crate) mod switch {
    use super::Value;

    /// Shown in help.
    pub(crate) const KIND: &str = "true or false";

    /// Reads a switch.
    pub(crate) fn read(value: &Value) -> Result<bool, String> {
        let text = value.text()?;
        match text.trim() {
            "true" | "on" | "yes" => Ok(true),
            "false" | "off" | "no" => Ok(false),
            _ => Err(format!("`{text}` is neither true nor false")),
        }
    }

    /// Shows it.
    pub(crate) fn show(on: &bool) -> String {
        on.to_string()
    }
}

/// Numbers with a fraction, not negative: `0.001`, `20`.
pub(crate) mod decimal {
    use super::Value;

    /// Shown in help.
    pub(crate) const KIND: &str = "decimal";

    /// Reads a number.
    pub(crate) fn read(value: &Value) -> Result<f64, String> {
        let text = value.text()?;
        let number: Option<f64> = text.trim().parse().ok();
        number
            .filter(|number| number.is_finite() && *number >= 0.0)
            .ok_or_else(|| format!("`{text}` is not a number of 0 or more: write 0.001 or 20"))
    }

    /// Shows it.
    pub(crate) fn show(number: &f64) -> String {
        number.to_string()
    }
}

/// Anything that reads and shows itself, such as an IP address or a word out of a list.
pub(crate) mod word {
    use std::fmt::Display;
    use std::str::FromStr;

    use super::Value;

    /// Shown in help.
    pub(crate) const KIND: &str = "text";

    /// Reads it.
    pub(crate) fn read<T>(value: &Value) -> Result<T, String>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = value.text()?;
        text.trim()
            .parse()
            .map_err(|error: T::Err| format!("`{text}`: {error}"))
    }

    /// Shows it.
    pub(crate) fn show<T: ToString>(word: &T) -> String {
        word.to_string()
    }
}

/// Paths; a relative one counts from the directory that the server is started in.
pub(crate) mod path {
    use std::path::{Path, PathBuf};

    use super::Value;

    /// Shown in help.
    pub(crate) const KIND: &str = "path";

    /// Reads a path.
    pub(crate) fn read(value: &Value) -> Result<PathBuf, String> {
        match value.text()? {
            "" => Err("the path is empty".to_owned()),
            text => Ok(PathBuf::from(text)),
        }
    }

    /// Shows it.
    pub(crate) fn show(path: &Path) -> String {
        path.display().to_string()
    }
}

/// A path, or `off`.
pub(crate) mod path_or_off {
    use std::path::PathBuf;

    use super::{Value, path};

    /// Shown in help.
    pub(crate) const KIND: &str = "path or off";

    /// Reads a path or `off`.
    pub(crate) fn read(value: &Value) -> Result<Option<PathBuf>, String> {
        if value.is_off() {
            Ok(None)
        } else {
            path::read(value).map(Some)
        }
    }

    /// Shows it.
    pub(crate) fn show(path: &Option<PathBuf>) -> String {
        path.as_deref().map_or_else(|| "off".to_owned(), path::show)
    }
}

/// Lists of words: a YAML list, or words with commas between them.
pub(crate) mod list {
    use super::Value;

    /// Shown in help.
    pub(crate) const KIND: &str = "list";

    /// Reads a list.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the same shape as every other `read`"
    )]
    pub(crate) fn read(value: &Value) -> Result<Vec<String>, String> {
        Ok(value.items())
    }

    /// Shows it.
    pub(crate) fn show(items: &[String]) -> String {
        if items.is_empty() {
            "none".to_owned()
        } else {
            items.join(",")
        }
    }
}

/// Bearer tokens. They are never shown.
pub(crate) mod tokens {
    use super::Value;
    use crate::config::secret::Secret;

    /// Shown in help.
    pub(crate) const KIND: &str = "list of secrets";

    /// Reads a list of tokens.
    pub(crate) fn read(value: &Value) -> Result<Vec<Secret>, String> {
        value.items().into_iter().map(Secret::new).collect()
    }

    /// Says how many there are.
    pub(crate) fn show(tokens: &[Secret]) -> String {
        match tokens.len() {
            0 => "none".to_owned(),
            1 => "(1 secret, not shown)".to_owned(),
            n => format!("({n} secrets, not shown)"),
        }
    }
}

/// Head sampling rules: a YAML mapping of service to what is kept, or `service=0.1` with commas between them.
pub(crate) mod rules {
    use clew_collector::SamplingRule;

    use super::Value;

    /// Shown in help.
    pub(crate) const KIND: &str = "service=share list";

    /// Reads the rules.
    pub(crate) fn read(value: &Value) -> Result<Vec<SamplingRule>, String> {
        value.items().iter().map(|item| item.parse()).collect()
    }

    /// Shows them.
    pub(crate) fn show(rules: &[SamplingRule]) -> String {
        let items = rules.iter().map(SamplingRule::to_string);
        super::list::show(&items.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests;

/// Retention rules: a YAML mapping of conditions to durations, or `conditions=duration` with commas between them.
pub(crate) mod terms {
    use clew_storage::Rule;

    use super::{Value, duration};

    /// Shown in help.
    pub(crate) const KIND: &str = "conditions=duration list";

    /// Reads the rules.
    pub(crate) fn read(value: &Value) -> Result<Vec<Rule>, String> {
        value.items().iter().map(|item| rule(item)).collect()
    }

    /// Shows them.
    pub(crate) fn show(rules: &[Rule]) -> String {
        let items = rules.iter().map(|rule| {
            let keep = std::time::Duration::from_nanos(rule.keep_ns);
            format!("{}={}", rule.conditions_text(), duration::show(&keep))
        });
        super::list::show(&items.collect::<Vec<_>>())
    }

    fn rule(item: &str) -> Result<Rule, String> {
        let (conditions, text) = item
            .rsplit_once('=')
            .ok_or_else(|| format!("`{item}` is not a rule: write service=checkout=30d"))?;
        let keep = duration::read(&Value::Text(text.trim().to_owned()))?;
        let keep_ns = u64::try_from(keep.as_nanos()).unwrap_or(u64::MAX);
        Rule::parse(conditions, keep_ns)
    }
}
