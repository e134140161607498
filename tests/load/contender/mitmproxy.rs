//! mitmproxy as a reverse proxy, without its screen, streaming what is large.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use super::{Contender, Process, Row, Scene, anybody, free_address, version};
use crate::certificates;
use crate::client::{Door, Way};

pub(super) fn start(scene: &Scene, program: &Path) -> Result<Contender, Box<dyn Error>> {
    let process = process(scene, program)?;
    let authority = scene.folder.join("mitmproxy/mitmproxy-ca-cert.pem");
    let door = Door {
        address: process.address,
        way: Way::Tls(certificates::client(&authority)?),
        signers: anybody(),
    };
    let version = version(program, "--version").replace("Mitmproxy: ", "mitmproxy ");
    Contender::new(version, process, vec![(Row::Mitmproxy, door)])
}

pub(super) fn process(scene: &Scene, program: &Path) -> Result<Process, Box<dyn Error>> {
    let address = free_address()?;
    let folder = scene.folder.join("mitmproxy");
    std::fs::create_dir_all(&folder)?;
    let set = [
        format!("confdir={}", folder.display()),
        format!(
            "ssl_verify_upstream_trusted_ca={}",
            scene.certificates.authority.display()
        ),
        "keep_host_header=true".to_owned(),
        "stream_large_bodies=1m".to_owned(),
    ];
    let mut command = Command::new(program);
    command
        .arg("--quiet")
        .args([
            "--mode",
            &format!("reverse:https://localhost:{}", scene.upstream.port()),
        ])
        .args(["--listen-host", &address.ip().to_string()])
        .args(["--listen-port", &address.port().to_string()])
        .args(set.iter().flat_map(|option| ["--set", option]));
    Process::start(&mut command, &folder.join("said"), address)
}
