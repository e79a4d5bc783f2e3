//! The container of `scripts/scene`, which uses the nscd or unscd of its host.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::artefacts;

/// Installs the command and the library in the container only.
const INSTALL: &str = r#"
mount -t tmpfs -o mode=755 tmpfs /usr/local; mkdir -p /usr/local/bin /usr/local/lib /run/test
cp "$COMMAND" /usr/local/bin/nss-bypass; cp "$LIBRARY" /usr/local/lib/libnss_bypass.so
PATH=/usr/local/bin:$PATH
"#;

/// Runs a bash script in the container, with the command and the library below /usr/local.
pub fn run_installed(options: &[&str], script: &str) -> String {
    let variables = [("LIBRARY", artefacts::library()), ("COMMAND", artefacts::command())];
    run(options, &variables, &format!("{INSTALL}\n{script}"))
}

/// Runs a bash script in the container, with these options of `scripts/scene` and these variables, and returns both
/// output streams. Variables of nss-bypass are not inherited.
pub fn run<V: AsRef<OsStr>>(options: &[&str], variables: &[(&str, V)], script: &str) -> String {
    let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/scene");
    let mut command = Command::new(scene);
    command.args(options).args(["--", "bash", "-c", &format!("exec 2>&1\n{script}\ntrue")]).stdin(Stdio::null());
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("NSS_BYPASS") || name == "LD_PRELOAD") {
        command.env_remove(variable);
    }
    for (variable, value) in variables {
        command.env(variable, value);
    }
    let output = command.output().expect("bash is there");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the scene ended with {}:\n{text}", output.status);
    text
}
