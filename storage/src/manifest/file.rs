//! Bytes of a manifest file: a line of JSON with its checksum, twice.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::state::FORMAT;

/// What a file in the manifest's directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileKind {
    /// What one version changed.
    Version(u64),
    /// The whole state of one version.
    Checkpoint(u64),
    /// A commit that was never finished.
    Temporary,
}

impl FileKind {
    /// The kind of file that has this name; `None` for a stranger.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let (number, ending) = name.split_once('.')?;
        if name.starts_with("commit-") && ending == "tmp" {
            return Some(Self::Temporary);
        }
        let number = number.parse().ok()?;
        let kind = match ending {
            "json" => Self::Version(number),
            "checkpoint" => Self::Checkpoint(number),
            _ => return None,
        };
        (kind.name() == name).then_some(kind)
    }

    /// The name of this file; a commit's own for a temporary one.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Version(number) => format!("{number:020}.json"),
            Self::Checkpoint(number) => format!("{number:020}.checkpoint"),
            Self::Temporary => "commit-.tmp".to_owned(),
        }
    }
}

/// The bytes of a file that holds `content`.
pub(crate) fn encode(content: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_string(content)
        .expect("numbers, texts and lists of them always have a JSON form");
    let copy = format!("{json}\ncrc32 {:08x}\n", crc32fast::hash(json.as_bytes()));
    copy.repeat(2).into_bytes()
}

/// What a file holds, from whichever copy is intact, and what is wrong with the other.
///
/// # Errors
/// When both copies are damaged, or the format is not known.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Option<String>), String> {
    // A damaged byte cannot make two lines of one half: the halves have the same length.
    let (first, second) = bytes.split_at(bytes.len() / 2);
    match (parse_copy(first), parse_copy(second)) {
        (Ok(content), Ok(_)) => Ok((content, None)),
        (Ok(content), Err(reason)) => Ok((content, Some(format!("second copy: {reason}")))),
        (Err(reason), Ok(content)) => Ok((content, Some(format!("first copy: {reason}")))),
        (Err(first), Err(second)) if first == second => Err(first),
        (Err(first), Err(second)) => Err(format!("first copy: {first}; second copy: {second}")),
    }
}

fn parse_copy<T: DeserializeOwned>(copy: &[u8]) -> Result<T, String> {
    const CRC_LINE_BYTES: usize = "crc32 00000000\n".len();
    let json_end = copy.len().saturating_sub(CRC_LINE_BYTES + 1);
    let (json, rest) = copy.split_at(json_end);
    let expected = format!("\ncrc32 {:08x}\n", crc32fast::hash(json));
    if rest != expected.as_bytes() {
        return Err("the checksum is wrong".to_owned());
    }
    check_format(json)?;
    serde_json::from_slice(json).map_err(|error| format!("not as expected: {error}"))
}

/// A later format is told apart from damage.
fn check_format(json: &[u8]) -> Result<(), String> {
    #[derive(serde::Deserialize)]
    struct Head {
        format: u32,
    }
    match serde_json::from_slice(json) {
        Ok(Head { format: FORMAT }) => Ok(()),
        Ok(Head { format }) => Err(format!(
            "format {format} is not known (this program reads {FORMAT}); it was written by a newer version of the program"
        )),
        Err(error) => Err(format!("not as expected: {error}")),
    }
}
