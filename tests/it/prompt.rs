//! The prompt of `clew sql`, typed into on a terminal.

use std::path::Path;
use std::process::Command;

use crate::support::server::{DataDir, Server};
use crate::support::terminal::Terminal;

/// Keys without a letter.
const ENTER: &str = "\r";
const TAB: &str = "\t";
const UP: &str = "\x1b[A";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

/// The prompt of a person whose state is kept in `home`.
fn prompt(arguments: &[&str], home: &Path) -> Terminal {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clew"));
    command
        .arg("sql")
        .args(arguments)
        .current_dir(home)
        .env_remove("CLEW_URL")
        .env("XDG_STATE_HOME", home);
    let mut terminal = Terminal::run(command);
    terminal.expect("\\? for help");
    terminal.expect("clew> ");
    terminal
}

fn talk(arguments: &[&str]) {
    let home = tempfile::tempdir().expect("a directory");
    let mut terminal = prompt(arguments, home.path());
    // A statement of two lines. Keys that come before the next prompt would be lost, as they are with many programs.
    terminal.type_keys("SELECT 20 +");
    terminal.type_keys(ENTER);
    terminal.type_keys("22 AS answer;");
    terminal.type_keys(ENTER);
    terminal.expect("------");
    terminal.expect("42");
    terminal.expect("(1 row)");
    terminal.expect("clew> ");
    // Names complete themselves: a table, a column, a function.
    terminal.type_keys(&format!("SELECT count(*) AS metrics FROM span_m{TAB};"));
    terminal.expect("span_metrics");
    terminal.type_keys(ENTER);
    terminal.expect("(1 row)");
    terminal.expect("clew> ");
    terminal.type_keys(&format!("SELECT max(self_ti{TAB}) FROM span_tree;"));
    terminal.expect("self_time_ns");
    terminal.type_keys(ENTER);
    terminal.expect("NULL");
    terminal.expect("clew> ");
    terminal.type_keys(&format!(
        "SELECT histogram_q{TAB}0.5, histogram(duration_ns)) FROM spans;"
    ));
    terminal.expect("histogram_quantile(");
    terminal.type_keys(ENTER);
    terminal.expect("(1 row)");
    terminal.expect("clew> ");
    // A mistake is pointed at and ends nothing; a line can be dropped.
    terminal.type_keys("SELECT nme FROM spans;");
    terminal.type_keys(ENTER);
    terminal.expect("nme");
    terminal.expect("^");
    terminal.expect("clew> ");
    terminal.type_keys("SELECT what");
    terminal.type_keys(CTRL_C);
    terminal.expect("clew> ");
    // Commands.
    terminal.type_keys("\\d");
    terminal.type_keys(ENTER);
    terminal.expect("service_edges");
    terminal.expect("clew> ");
    terminal.type_keys("\\d links");
    terminal.type_keys(ENTER);
    terminal.expect("linked_trace_id");
    terminal.expect("clew> ");
    terminal.type_keys("\\format csv");
    terminal.type_keys(ENTER);
    terminal.expect("clew> ");
    terminal.type_keys("SELECT 1 AS a, 'x y' AS b;");
    terminal.type_keys(ENTER);
    terminal.expect("a,b\r\n1,x y");
    terminal.expect("clew> ");
    // What was asked last is one key away, and so it is the next time.
    terminal.type_keys(UP);
    terminal.expect("SELECT 1 AS a");
    terminal.type_keys(ENTER);
    terminal.expect("1,x y");
    terminal.expect("clew> ");
    terminal.type_keys(CTRL_D);
    assert_eq!(terminal.end(), Some(0));
    let mut terminal = prompt(arguments, home.path());
    terminal.type_keys(UP);
    terminal.expect("SELECT 1 AS a");
    terminal.type_keys(ENTER);
    terminal.expect("(1 row)");
    terminal.expect("clew> ");
    terminal.type_keys("\\q");
    terminal.type_keys(ENTER);
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn a_server_is_talked_to() {
    let server = Server::start(&[]);
    talk(&["--url", &format!("http://{}", server.addresses().http)]);
}

#[test]
fn a_stopped_directory_is_talked_to() {
    let data = Server::start(&[]).stop();
    let path = data.path().to_str().expect("a path of our own").to_owned();
    talk(&["--data-dir", &path]);
    drop::<DataDir>(data);
}
