//! The file of strategies of remote sampling.

use std::fs;
use std::path::Path;

use clew_collector::remote::Strategies;

/// Largest file of strategies, in bytes.
const STRATEGY_FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads the strategies in the file `path`.
pub(crate) fn read(path: &Path) -> Result<Strategies, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if metadata.len() > STRATEGY_FILE_BYTES_MAX {
        return Err(format!(
            "the file is larger than {STRATEGY_FILE_BYTES_MAX} bytes"
        ));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    Strategies::parse(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_as_large_as_allowed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("strategies.json");
        let mut text = b"{}".to_vec();
        text.resize(STRATEGY_FILE_BYTES_MAX as usize, b' ');
        fs::write(&path, &text).unwrap();
        assert_eq!(read(&path), Ok(Strategies::default()));
        text.push(b' ');
        fs::write(&path, &text).unwrap();
        assert!(read(&path).unwrap_err().contains("larger than"));
        assert!(read(directory.path()).is_err());
    }
}
