//! How the command line speaks to the control plane: one request a connection, JSON both ways, over
//! plain HTTP to an address of this machine.

use crate::exchange::exchange;
use crate::failure::ApiError;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::net::TcpStream;

/// The largest answer that is read, in bytes.
const LARGEST: usize = 16 << 20;

/// How long an answer may take beside what it is asked to wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Someone who asks the control plane.
#[derive(Clone)]
pub struct Client {
    authority: String,
    token: Option<String>,
}

/// Why there is no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there, or it cannot be spoken to.
    #[error("the control plane at `{at}` cannot be reached")]
    Unreachable {
        /// Where.
        at: String,
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It did not answer in time.
    #[error("the control plane at `{0}` did not answer in time")]
    Late(String),
    /// It is somewhere else than on this machine.
    #[error("`{0}` is not an address of this machine: `http://127.0.0.1:8801`")]
    Elsewhere(String),
    /// It said no.
    #[error("{}", .0.message)]
    Refused(ApiError),
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.authority)
    }
}

impl Client {
    /// Of the control plane at `base`, with a pass or without one. The pass leaves this machine in no
    /// case: TLS is not spoken here.
    ///
    /// # Errors
    /// When `base` is not on this machine.
    pub fn new(base: &str, token: Option<String>) -> Result<Self, ClientError> {
        let elsewhere = || ClientError::Elsewhere(base.to_owned());
        let authority = base.trim_end_matches('/').strip_prefix("http://");
        let authority = authority.ok_or_else(elsewhere)?;
        let local = match authority.parse::<std::net::SocketAddr>() {
            Ok(address) => address.ip().is_loopback(),
            Err(_) => authority
                .strip_prefix("localhost:")
                .is_some_and(|port| port.parse::<u16>().is_ok()),
        };
        match local {
            true => Ok(Self {
                authority: authority.to_owned(),
                token,
            }),
            false => Err(elsewhere()),
        }
    }

    /// Reads what is at `path`, below `/api/v1`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, path, None, Duration::ZERO).await
    }

    /// As [`Client::get`], of what answers when something happened, at the latest after `wait`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn wait<T: DeserializeOwned>(
        &self,
        path: &str,
        wait: Duration,
    ) -> Result<T, ClientError> {
        self.ask(Method::GET, path, None, wait).await
    }

    /// Sends `body` to `path`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.unreachable(error))?;
        self.ask(Method::POST, path, Some(body), Duration::ZERO)
            .await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        wait: Duration,
    ) -> Result<T, ClientError> {
        let answer = self.send(method, path, body);
        let answer = tokio::time::timeout(PATIENCE + wait, answer).await;
        let (status, bytes) = answer.map_err(|_| ClientError::Late(self.authority.clone()))??;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| self.unreachable(error));
        }
        Err(match serde_json::from_slice::<ApiError>(&bytes) {
            Ok(error) => ClientError::Refused(error),
            Err(error) => self.unreachable(error),
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let stream = TcpStream::connect(&self.authority);
        let stream = stream.await.map_err(|error| self.unreachable(error))?;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, &self.authority);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::<Bytes>::from(body.unwrap_or_default()))
            .map_err(|error| self.unreachable(error))?;
        let answer = exchange(stream, request, LARGEST).await;
        let (head, body) = answer
            .map_err(|error| self.unreachable(error))?
            .into_parts();
        let body = body.map_err(|error| self.unreachable(error))?;
        Ok((head.status, body))
    }

    fn unreachable(
        &self,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> ClientError {
        ClientError::Unreachable {
            at: self.authority.clone(),
            source: error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_sent_to_this_machine_alone() {
        for base in [
            "http://127.0.0.1:8801",
            "http://[::1]:8801/",
            "http://localhost:8801",
        ] {
            assert!(Client::new(base, None).is_ok(), "{base}");
        }
        for base in [
            "http://192.0.2.1:8801",
            "http://localhost.example.com:80",
            "http://127.0.0.1:8801@example.com",
            "http://localhost:80@example.com:80",
            "https://cordon.example.com",
            "127.0.0.1:8801",
        ] {
            assert!(Client::new(base, None).is_err(), "{base}");
        }
    }
}
