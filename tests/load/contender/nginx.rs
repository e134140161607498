//! nginx as a plain reverse proxy: TLS on both sides, connections kept on both, nothing logged,
//! bodies passed on as they come.

use std::error::Error;
use std::process::Command;

use super::{Contender, Process, Row, Scene, anybody, free_address, version};
use crate::certificates;
use crate::client::{Door, Way};

pub(super) fn start(scene: &Scene) -> Result<Contender, Box<dyn Error>> {
    let process = process(scene)?;
    let door = Door {
        address: process.address,
        way: Way::Tls(certificates::client(&scene.certificates.authority)?),
        signers: anybody(),
    };
    let version = version(&scene.nginx, "-v").replace("nginx version: ", "");
    Contender::new(version, process, vec![(Row::Nginx, door)])
}

pub(super) fn process(scene: &Scene) -> Result<Process, Box<dyn Error>> {
    let address = free_address()?;
    let folder = scene.folder.join("nginx");
    std::fs::create_dir_all(&folder)?;
    let configuration = folder.join("nginx.conf");
    let (certificates, at) = (&scene.certificates, folder.display());
    let text = format!(
        "worker_processes {workers};
daemon off;
pid {at}/nginx.pid;
error_log {at}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {at}/body;
  proxy_temp_path {at}/proxy;
  fastcgi_temp_path {at}/fastcgi;
  uwsgi_temp_path {at}/uwsgi;
  scgi_temp_path {at}/scgi;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  upstream cloud {{
    server {upstream};
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {address} ssl;
    ssl_certificate {leaf};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {{
      proxy_pass https://cloud;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $host;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {authority};
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
    }}
  }}
}}
",
        workers = std::thread::available_parallelism()?,
        upstream = scene.upstream,
        leaf = certificates.leaf.display(),
        key = certificates.key.display(),
        authority = certificates.authority.display(),
    );
    std::fs::write(&configuration, text)?;
    let mut command = Command::new(&scene.nginx);
    command.arg("-p").arg(&folder).arg("-c").arg(&configuration);
    command.arg("-e").arg(folder.join("error.log"));
    Process::start(&mut command, &folder.join("said"), address)
}
