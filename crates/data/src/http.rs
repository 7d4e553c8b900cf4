//! One GET request, run beside its caller, so that waiting for a silent server can be given up.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// What a request reports, in order: at most one `Start`, then `Bytes`, then `End` or `Failed`.
pub(crate) enum Event {
    /// The server's answer.
    Start {
        status: u16,
        /// The length of the body, where it is announced.
        length: Option<u64>,
        /// The first byte of the range that the body holds, where one is.
        range_start: Option<u64>,
    },
    /// A piece of the body.
    Bytes(Vec<u8>),
    /// The end of the body.
    End,
    /// The request failed; `permanent` if it would fail again.
    Failed { reason: String, permanent: bool },
}

/// Requests `url`, from byte `from` on. The request ends by itself when the receiver is dropped, or when
/// the server is silent for longer than `silence`.
pub(crate) fn get(url: &str, from: u64, silence: Duration) -> Receiver<Event> {
    // A few pieces in flight bound the memory when the disk is slower than the line.
    let (sender, receiver) = sync_channel(8);
    let url = url.to_string();
    let worker = sender.clone();
    let spawned = std::thread::Builder::new().name("download".to_string()).spawn(move || {
        // A receiver that has gone needs no news.
        let _ = request(&url, from, silence, &worker);
    });
    if let Err(error) = spawned {
        let _ = sender.send(Event::Failed { reason: error.to_string(), permanent: true });
    }
    receiver
}

fn request(
    url: &str,
    from: u64,
    silence: Duration,
    events: &SyncSender<Event>,
) -> Result<(), std::sync::mpsc::SendError<Event>> {
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(5)
        .user_agent(concat!("netinverse/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(silence))
        .timeout_connect(Some(silence))
        .timeout_recv_response(Some(silence))
        .timeout_per_read(Some(silence));
    if is_loopback(url) {
        config = config.proxy(None);
    }
    let agent: ureq::Agent = config.build().into();
    let mut request = agent.get(url);
    if from > 0 {
        request = request.header("Range", format!("bytes={from}-"));
    }
    let response = match request.call() {
        Ok(response) => response,
        Err(error) => return events.send(failed(&error)),
    };
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let length = header("content-length").and_then(|value| value.trim().parse().ok());
    let range_start = header("content-range")
        .and_then(|value| value.trim().strip_prefix("bytes"))
        .and_then(|range| range.split_once('-'))
        .and_then(|(start, _)| start.trim().parse().ok());
    events.send(Event::Start { status: response.status().as_u16(), length, range_start })?;
    let mut body = response.into_body().into_reader();
    loop {
        let mut bytes = vec![0; 1 << 16];
        match body.read(&mut bytes) {
            Ok(0) => return events.send(Event::End),
            Ok(read) => {
                bytes.truncate(read);
                events.send(Event::Bytes(bytes))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                return events.send(Event::Failed { reason: error.to_string(), permanent: false });
            }
        }
    }
}

fn failed(error: &ureq::Error) -> Event {
    let (reason, permanent) = match error {
        ureq::Error::Tls(_) | ureq::Error::TlsRequired => {
            ("redirects to https, only http is spoken".to_string(), true)
        }
        ureq::Error::HostNotFound => ("no such host, or no connection".to_string(), true),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::TooManyRedirects => {
            (error.to_string(), true)
        }
        ureq::Error::Io(source) if source.kind() == std::io::ErrorKind::ConnectionRefused => {
            ("the connection is refused".to_string(), true)
        }
        _ => (error.to_string(), false),
    };
    Event::Failed { reason, permanent }
}

/// Whether the URL names this machine: then no proxy stands between.
fn is_loopback(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = authority.split(['/', ':']).next().unwrap_or_default();
    host == "localhost" || host.starts_with("127.") || authority.starts_with("[::1]")
}
