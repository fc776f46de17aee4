//! The files of the pages, embedded or in a folder, each with a tag of its content.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Component, Path};

use rust_embed::RustEmbed;

use crate::Source;

/// The page itself.
pub(crate) const INDEX: &str = "index.html";

/// Files embedded at build time; empty when the pages were not built.
#[derive(RustEmbed)]
#[folder = "dist"]
#[allow_missing = true]
pub(crate) struct Embedded;

/// One file.
pub(crate) struct Asset {
    /// Its bytes.
    pub(crate) bytes: Cow<'static, [u8]>,
    /// Changes with the bytes; hex digits.
    pub(crate) tag: String,
}

impl Source {
    /// The file `name`, a path relative to the folder of the pages, if there is one.
    pub(crate) async fn get(&self, name: &str) -> Option<Asset> {
        match self {
            Self::Embedded => embedded(name),
            Self::Directory(folder) => read(folder, name).await,
        }
    }
}

fn embedded(name: &str) -> Option<Asset> {
    let file = Embedded::get(name)?;
    let hash = file.metadata.sha256_hash();
    let tag = hash.iter().take(12).fold(String::new(), |mut tag, byte| {
        write!(tag, "{byte:02x}").expect("a string takes every write");
        tag
    });
    Some(Asset {
        bytes: file.data,
        tag,
    })
}

async fn read(folder: &Path, name: &str) -> Option<Asset> {
    let path = Path::new(name);
    // Nothing outside the folder: no `..`, no absolute path, no drive.
    if !path
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        return None;
    }
    let bytes = tokio::fs::read(folder.join(path)).await.ok()?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    Some(Asset {
        bytes: Cow::Owned(bytes),
        tag: format!("{:016x}", hasher.finish()),
    })
}
