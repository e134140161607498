//! A cloud that takes its time: it mints at once, and answers every other call in two parts, the
//! second of which waits until it is told to go on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::lab;
use crate::program::Cordon;

/// A slow cloud, for as long as the test runs.
#[derive(Debug)]
pub struct SlowCloud {
    address: SocketAddr,
    arrived: Receiver<()>,
    go_on: SyncSender<()>,
}

/// The parts of its answers.
#[derive(Debug, Clone)]
struct Parts {
    at_once: Vec<u8>,
    later: Vec<u8>,
}

impl SlowCloud {
    /// Starts one that answers with these bytes.
    pub fn start(at_once: &str, later: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (tell, arrived) = sync_channel(8);
        let (go_on, told) = sync_channel(8);
        let told = Arc::new(Mutex::new(told));
        let parts = Parts {
            at_once: at_once.into(),
            later: later.into(),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tell, told, parts) = (tell.clone(), Arc::clone(&told), parts.clone());
                thread::spawn(move || serve(stream, &parts, &tell, &told));
            }
        });
        Self {
            address,
            arrived,
            go_on,
        }
    }

    /// A Cordon before it, with these lines at the end of its configuration.
    #[must_use]
    pub fn cordon(&self, lines: &str) -> Cordon {
        let url = format!("http://{}", self.address);
        Cordon::start_with(&url, &lab::base_keys(), lines)
    }

    /// Waits until a call has arrived and the first part of its answer was said.
    ///
    /// # Panics
    /// When none does.
    pub fn wait_for_call(&self) {
        self.arrived.recv().expect("a call arrives");
    }

    /// Says the second part of one answer.
    ///
    /// # Panics
    /// When nobody waits for it.
    pub fn go_on(&self) {
        self.go_on.send(()).expect("it waits");
    }
}

fn serve(mut stream: TcpStream, parts: &Parts, tell: &SyncSender<()>, told: &Mutex<Receiver<()>>) {
    while let Some(request) = read(&mut stream) {
        if request.contains("Action=AssumeRole") {
            if stream.write_all(assumed().as_bytes()).is_err() {
                return;
            }
            continue;
        }
        let said = stream.write_all(&parts.at_once).is_ok() && tell.send(()).is_ok();
        let waits = said && told.lock().is_ok_and(|it| it.recv().is_ok());
        if !waits || stream.write_all(&parts.later).is_err() {
            return;
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        text.push_str(&String::from_utf8_lossy(buffer.get(..length)?));
    }
}

/// STS's answer to `AssumeRole`.
fn assumed() -> String {
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(15);
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleResult><Credentials><AccessKeyId>ASIAMINTED0000000001</AccessKeyId>\
         <SecretAccessKey>minted</SecretAccessKey><SessionToken>token</SessionToken>\
         <Expiration>{expires:.0}</Expiration></Credentials></AssumeRoleResult>\
         </AssumeRoleResponse>"
    );
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
}
