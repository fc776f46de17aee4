//! The file of tail-sampling policies.

use std::fs;
use std::path::Path;

use clew_collector::tail::{PolicySetConfig, TailPolicies};

/// Largest file of policies, in bytes.
const POLICY_FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads the policies in the file `path`, which make sense then.
pub(crate) fn read(path: &Path) -> Result<PolicySetConfig, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if metadata.len() > POLICY_FILE_BYTES_MAX {
        return Err(format!(
            "the file is larger than {POLICY_FILE_BYTES_MAX} bytes"
        ));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let policies: PolicySetConfig =
        serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
    TailPolicies::new(&policies).map_err(|error| error.to_string())?;
    Ok(policies)
}
