//! Data directories that earlier versions have written: this version must open them, answer from them and go on with them.
//!
//! Each one was made by `make_one` with the version that wrote that format, and is never made again. A new format gets a directory of its
//! own: `CLEW_FREEZE=testdata/frozen/NAME.tar.zst cargo test --workspace --test it frozen -- --ignored`.
//!
//! It holds what a merge made of two imports, in two windows of time, one trace of which is archived; a segment as a flush wrote it, the
//! counts of all of them, and spans in the log of a server that was killed.

use std::path::Path;
use std::process::Command;

use crate::support::command::{clew, ended, file, sending};
use crate::support::corpus::testdata;
use crate::support::http;
use crate::support::query::{Reader, span_count};
use crate::support::server::{DataDir, Server};
use crate::support::tar;

/// The trace of 200 spans over 18 services, 2 of them errors: see testdata/README.md.
const LARGE: (&str, &str, usize) = (
    "ui/trainticket-200.otlp.json.zst",
    "81e893fa78f935a20ca3fb5c69510fd7",
    200,
);
/// Merged with it, flushed, and in the log; four spans each.
const SMALL: [&str; 3] = [
    "zipkin/lens-messaging.json",
    "jaeger/ui-otlp-multi-in.json",
    "zipkin/lens-skew.json",
];

fn import(server: &Server, name: &str) {
    let mut arguments = sending("import", server.addresses());
    arguments.push(file(name));
    clew(&arguments, &[]).good();
}

fn run(server: &Server, arguments: &[&str]) -> String {
    ended(&server.data().run(arguments)).good()
}

fn make_one(to: &Path) {
    let settings = [
        ("STORAGE_WAL_FILE_SIZE", "1MiB"),
        ("COMPACTION_ENABLED", "false"),
    ];
    let server = DataDir::new(&settings).start();
    import(&server, LARGE.0);
    run(&server, &["flush"]);
    import(&server, SMALL[0]);
    run(&server, &["flush"]);
    assert!(run(&server, &["compact"]).starts_with("merged 2 segments"));
    let archive = format!("/api/archive/{}", LARGE.1);
    let archived = http::request(server.addresses().http, "POST", &archive, &[], b"");
    assert_eq!(archived.status, 200);
    import(&server, SMALL[1]);
    run(&server, &["flush"]);
    import(&server, SMALL[2]);
    let data = server.kill();
    let files = data.files();
    let packed = Command::new("tar")
        .args(["--format=ustar", "--owner=0", "--group=0", "-cf", "-", "-C"])
        .arg(data.path())
        .args(files.iter().filter(|path| !path.ends_with("clew.sock")))
        .output()
        .expect("tar");
    assert!(packed.status.success(), "{packed:?}");
    let packed = zstd::encode_all(packed.stdout.as_slice(), 19).expect("zstd");
    std::fs::write(to, packed).expect("the archive");
}

#[test]
#[ignore = "makes a new directory to keep; CLEW_FREEZE names the archive"]
fn freeze() {
    let to = std::env::var("CLEW_FREEZE").expect("CLEW_FREEZE names the archive");
    make_one(&Path::new(env!("CARGO_MANIFEST_DIR")).join(to));
}

fn thaw(archive: &Path) -> DataDir {
    let data = DataDir::new(&[
        ("STORAGE_WAL_FILE_SIZE", "1MiB"),
        ("COMPACTION_ENABLED", "false"),
    ]);
    for entry in tar::read(archive) {
        let path = data.path().join(&entry.path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, entry.bytes).expect("a file");
    }
    data
}

#[test]
fn directories_of_earlier_versions_are_opened() {
    let folder = std::fs::read_dir(testdata().join("frozen")).expect("testdata/frozen");
    let mut archives: Vec<_> = folder
        .map(|entry| entry.expect("an entry").path())
        .collect();
    archives.sort();
    assert!(!archives.is_empty());
    for archive in archives {
        println!("{}", archive.display());
        let data = thaw(&archive);
        let said = ended(&data.run(&["verify"])).good();
        assert!(said.contains("read 3 segments with 208 spans"), "{said}");
        let server = data.start();
        check(&server, 212);
        // It is gone on with: more spans, a merge with theirs, a restart.
        import(&server, "zipkin/v2-single.json");
        run(&server, &["flush"]);
        assert!(run(&server, &["compact"]).starts_with("merged "));
        let server = server.stop().start();
        check(&server, 213);
        run(&server, &["verify"]);
        run(
            &server,
            &["retention", "--older-than", "1ms", "--trust-clock"],
        );
        check(&server, 200);
    }
}

fn check(server: &Server, spans: u64) {
    let to = server.addresses().http;
    assert_eq!(span_count(to), spans);
    let mut reader = Reader::new(to);
    assert_eq!(reader.trace(LARGE.1).len(), LARGE.2);
    let of_large = |what: &str| format!("SELECT {what} FROM spans WHERE trace_id = '{}'", LARGE.1);
    assert_eq!(
        reader.sql_count(&of_large("count(DISTINCT service_name)")),
        18
    );
    let errors = format!("{} AND status_code = 'error'", of_large("count(*)"));
    assert_eq!(reader.sql_count(&errors), 2);
    let roots = reader.sql_count("SELECT count(*) FROM span_tree WHERE is_root");
    let without_parent = "SELECT count(*) FROM spans WHERE parent_span_id IS NULL";
    assert_eq!(roots, reader.sql_count(without_parent));
    let entries = "SELECT sum(cardinality(attributes)) FROM spans";
    let rows = "SELECT count(*) FROM span_attributes";
    assert_eq!(reader.sql_count(rows), reader.sql_count(entries));
    // Only the filters of the segments know where these are, and that the second is nowhere.
    for (table, found) in [("orders_other", 7), ("no_such_table", 0)] {
        let having =
            format!("SELECT count(*) FROM spans WHERE attributes['db.sql.table'] = '{table}'");
        assert_eq!(reader.sql_count(&having), found, "{table}");
    }
}
