//! A TLS server that answers nothing: under a certificate that nobody trusts for the name it is
//! called by, or one that shakes hands only when it is told to.

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Serves under a certificate for `name` until the handle is aborted.
pub(crate) async fn serve_as(name: &str) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let tls = serve(name, None).await;
    (tls.address, tls.serving)
}

/// A server that runs until its handle is aborted.
pub(crate) struct Tls {
    pub(crate) address: SocketAddr,
    /// Its certificate, PEM.
    pub(crate) certificate: String,
    /// How many connections it has taken.
    pub(crate) taken: watch::Receiver<usize>,
    /// The first bytes of requests that came.
    pub(crate) heard: Arc<Mutex<Vec<u8>>>,
    pub(crate) serving: tokio::task::JoinHandle<()>,
}

/// Serves under a certificate for `name`, and shakes hands once the switch is on.
pub(crate) async fn serve(name: &str, on: Option<watch::Receiver<bool>>) -> Tls {
    let certified = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let certificate = certified.cert.pem();
    let (take, taken) = watch::channel(0);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&heard);
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            take.send_modify(|taken| *taken += 1);
            if let Some(mut on) = on.clone() {
                on.wait_for(|on| *on).await.unwrap();
            }
            // Where the client refuses the certificate, there is nothing to hear.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let mut bytes = Vec::new();
                let _ = stream.read_to_end(&mut bytes).await;
                hear.lock().unwrap().extend(bytes);
            }
        }
    });
    Tls {
        address,
        certificate,
        taken,
        heard,
        serving,
    }
}
