//! `docs/configuration.md`, made from the table of settings, and the test that it is what the code says.
//!
//! `CLEW_UPDATE_DOCS=1 cargo test -p clew configuration_reference` writes it anew.

use std::fmt::Write;

use super::Config;
use super::keys::{KEYS, Key};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");

const HEAD: &str = "\
# Configuration

<!-- Made from src/config/keys.rs. Do not edit: CLEW_UPDATE_DOCS=1 cargo test -p clew configuration_reference -->

Every setting can be given in three places. A flag wins over the environment, the environment over the file, the file over the
default:

| place | spelling of `storage.epoch_size` |
|---|---|
| file | `epoch_size` under `storage:` in `clew.yaml` (or `--config FILE`, or the file named by `CLEW_CONFIG`) |
| environment | `CLEW_STORAGE_EPOCH_SIZE` |
| command line | `clew serve --storage-epoch-size 64MiB` |

The file is YAML. `clew config check` says whether it is right; `clew config print` shows the effective values and where each one
comes from, without secrets. A setting that does not exist is refused, with the nearest one that does. Nothing is read again while
the server runs.

| kind | text |
|---|---|
| duration | `500ms`, `30s`, `1h30m`, `14d`, `2w`; the unit is required |
| size | `512KiB`, `64MiB`, `1GiB`, `100B`, decimal `MB`; the unit is required |
| list | a YAML list, or words with commas between them |
| path | a relative one counts from the directory that the server is started in |
| off | switches the thing off where the kind allows it |

Tokens belong in a file that only the server can read, or in the environment: other users of the machine can see a command line.
";

fn reference() -> String {
    let defaults = Config::default();
    let mut text = HEAD.to_owned();
    let mut section = None;
    for key in KEYS.iter().filter(|key| !key.is_hidden()) {
        if section != Some(key.section()) {
            section = Some(key.section());
            let title = if key.section().is_empty() {
                "top level"
            } else {
                key.section()
            };
            let _ = write!(
                text,
                "\n## {title}\n\n| setting | kind | default | meaning |\n|---|---|---|---|\n"
            );
        }
        text += &row(key, &defaults);
    }
    text
}

fn row(key: &Key, defaults: &Config) -> String {
    let default = (key.show)(defaults);
    format!(
        "| `{}` | {} | `{default}` | {} |\n",
        key.name, key.kind, key.help
    )
}

#[test]
fn configuration_reference_is_what_the_code_says() {
    let expected = reference();
    if std::env::var_os("CLEW_UPDATE_DOCS").is_some() {
        std::fs::write(FILE, &expected).unwrap();
    }
    let written = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        written == expected,
        "docs/configuration.md is out of date: CLEW_UPDATE_DOCS=1 cargo test -p clew configuration_reference"
    );
}
