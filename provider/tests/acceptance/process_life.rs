//! The provider's own process: what it prints, what it outlives and what it does not.

use crate::terraform::{BINARY, finish};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Patience with a process that should end by itself at once.
const SOON: Duration = Duration::from_secs(5);

#[expect(clippy::disallowed_methods, reason = "the provider is what these tests drive")]
fn start(variables: &[(&str, &str)]) -> Child {
    let mut command = Command::new(BINARY);
    command.env_clear().envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

#[test]
fn started_by_hand_it_says_what_it_is() {
    let output = finish(start(&[]), SOON);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("is a Terraform provider"));
}

#[test]
fn it_survives_an_interrupt_and_ends_with_its_caller_leaving_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap().to_owned();
    let mut child = start(&[COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "5,6"), ("PLUGIN_UNIX_SOCKET_DIR", &place)]);
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let fields: Vec<&str> = line.trim_end().split('|').collect();
    assert_eq!((fields[0], fields[1], fields[2], fields[4], fields[5]), ("1", "6", "unix", "grpc", ""));

    let mut stream = UnixStream::connect(fields[3]).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    rustix::process::kill_process(pid(&child), rustix::process::Signal::INT).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    stream.read_exact(&mut [0; 9]).unwrap();
    assert!(child.try_wait().unwrap().is_none(), "an interrupt must not end it");

    drop(stream);
    let output = finish(child, Duration::from_secs(2));
    assert!(output.status.success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "standard output carries one line");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the socket is removed");
}

fn pid(child: &Child) -> rustix::process::Pid {
    rustix::process::Pid::from_child(child)
}
