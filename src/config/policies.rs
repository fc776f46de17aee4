//! The file of tail-sampling policies.

use std::fs;
use std::path::Path;

use clew_collector::tail::{InvalidPolicy, PolicySetConfig, TailPolicies};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

/// Largest file of policies, in bytes.
pub(crate) const POLICY_FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads the policies in the file `path`, which make sense then.
pub(crate) fn read(path: &Path) -> Result<PolicySetConfig, String> {
    parse(&read_text(path)?)
}

/// The same for policies by which stored traces are sampled.
pub(crate) fn read_for_stored(path: &Path) -> Result<PolicySetConfig, String> {
    parse_as(&read_text(path)?, TailPolicies::for_stored)
}

/// Reads the text of such a file.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if metadata.len() > POLICY_FILE_BYTES_MAX {
        return Err(format!(
            "the file is larger than {POLICY_FILE_BYTES_MAX} bytes"
        ));
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

/// The policies that `text` describes, which make sense then. What is wrong with it is told with the line.
pub(crate) fn parse(text: &str) -> Result<PolicySetConfig, String> {
    parse_as(text, TailPolicies::new)
}

fn parse_as(
    text: &str,
    compile: impl FnOnce(&PolicySetConfig) -> Result<TailPolicies, InvalidPolicy>,
) -> Result<PolicySetConfig, String> {
    let policies: PolicySetConfig =
        serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    match compile(&policies) {
        Ok(_) => Ok(policies),
        Err(error) => Err(match line_of(text, &error) {
            Some(line) => format!("line {line}: {error}"),
            None => error.to_string(),
        }),
    }
}

/// The line on which the policy begins that is wrong.
fn line_of(text: &str, error: &InvalidPolicy) -> Option<u64> {
    #[derive(Deserialize)]
    struct Lines {
        policies: Vec<Spanned<IgnoredAny>>,
    }
    let lines: Lines = serde_saphyr::from_str(text).ok()?;
    let policy = lines.policies.get(error.policy()?)?;
    Some(policy.referenced.line())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cases = [
            (
                "policies:\n  - { type: always_sample }\n\n  - type: latency\n",
                "line 4: policy 2 (`latency`)",
            ),
            ("policies:\n  - type: latenzy\n", "line 2"),
            ("policies:\n  - { type: [\n", "line "),
            ("policies: []\n", "there is no policy"),
        ];
        for (text, said) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        assert!(parse("policies: [{ type: always_sample }]").is_ok());
    }
}
