//! Answers kept under `testdata/`, to be compared with what the server says.
//!
//! `CLEW_BLESS=1 cargo test --workspace --test it` writes them anew; read the difference before you keep it.

use std::path::PathBuf;

use serde_json::Value;

/// Compares `value` with `testdata/<name>.json`; times that an answer took are taken as 1 ms.
pub(crate) fn check(name: &str, mut value: Value) {
    settle(&mut value);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../testdata/{name}.json"));
    let found = serde_json::to_string_pretty(&value).unwrap() + "\n";
    if std::env::var_os("CLEW_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(value, kept, "{name}:\n{found}");
}

fn settle(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if key == "elapsed_ms" {
                    assert!(value.is_number());
                    *value = Value::from(1.0);
                }
                settle(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        _ => {}
    }
}
