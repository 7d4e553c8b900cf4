//! Downloads against a server on this machine that behaves as badly as servers do.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use netinverse_base::{Budget, ErrorKind, Progress, Result, Silent};
use netinverse_data::download::{DownloadOptions, RemoteFile, fetch_files};
use sha2::{Digest, Sha256};

/// What the server does with one request.
#[derive(Clone)]
enum Act {
    /// Sends the whole, or the range asked for.
    Serve(Arc<Vec<u8>>),
    /// Sends the whole, ignoring any range.
    Rangeless(Arc<Vec<u8>>),
    /// Announces the rest, sends only `usize` bytes of it, and hangs up.
    Truncate(Arc<Vec<u8>>, usize),
    /// Hangs up without a word.
    HangUp,
    /// Answers nothing for a while.
    Silence,
    /// Answers with a status and no body.
    Status(&'static str),
    /// Redirects to itself, over https.
    RedirectToTls,
}

/// A server that acts once for each request, in order; the last act repeats. It notes each request's
/// `Range`, and lives as long as the test.
struct Server {
    url: String,
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    fn new(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/data/", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let act = acts[index.min(acts.len() - 1)].clone();
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || answer(stream.unwrap(), act, &seen));
            }
        });
        Server { url, ranges }
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.ranges.lock().unwrap().clone()
    }
}

fn answer(stream: TcpStream, act: Act, seen: &Mutex<Vec<Option<String>>>) {
    let mut range = None;
    for line in BufReader::new(&stream).lines() {
        let line = line.unwrap_or_default();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: ") {
            range = Some(value.to_string());
        }
        if line.is_empty() {
            break;
        }
    }
    seen.lock().unwrap().push(range.clone());
    let from = range
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok())
        .unwrap_or(0);
    let mut stream = stream;
    // The client may have gone; that is its right.
    let _ = match act {
        Act::Serve(body) if from > 0 && from >= body.len() => {
            write!(
                stream,
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        }
        Act::Serve(body) => send(&mut stream, &body, from, body.len()),
        Act::Rangeless(body) => send(&mut stream, &body, 0, body.len()),
        Act::Truncate(body, count) => send(&mut stream, &body, from, from + count),
        Act::HangUp => Ok(()),
        Act::Silence => {
            std::thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        Act::RedirectToTls => {
            let here = stream.local_addr().unwrap();
            write!(
                stream,
                "HTTP/1.1 301 Moved\r\nLocation: https://{here}/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        }
        Act::Status(status) => {
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
    };
}

fn send(stream: &mut TcpStream, body: &[u8], from: usize, to: usize) -> std::io::Result<()> {
    let (status, range) = if from > 0 {
        ("206 Partial Content", format!("Content-Range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len()))
    } else {
        ("200 OK", String::new())
    };
    let length = body.len() - from;
    write!(stream, "HTTP/1.1 {status}\r\n{range}Content-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&body[from..to.min(body.len())])
}

/// Content of 5 000 bytes, its name, sum, and gzip file.
struct Sample {
    content: Vec<u8>,
    sum: String,
    gzip: Arc<Vec<u8>>,
}

impl Sample {
    fn new() -> Self {
        let mut rng = netinverse_base::Rng::new(1, 1);
        let content = (0..5000).map(|_| rng.bits() as u8).collect::<Vec<_>>();
        let sum =
            Sha256::digest(&content).iter().fold(String::new(), |sum, byte| sum + &format!("{byte:02x}"));
        let gzip = Arc::new(gzip(&content, Compression::default()));
        Sample { content, sum, gzip }
    }

    fn fetch(&self, folder: &Path, mirrors: &[&Server], budget: &Budget) -> Result<()> {
        let mirrors = mirrors.iter().map(|server| server.url.clone()).collect::<Vec<_>>();
        self.fetch_urls(folder, &mirrors, &Silent, budget)
    }

    fn fetch_urls(
        &self,
        folder: &Path,
        mirrors: &[String],
        progress: &dyn Progress,
        budget: &Budget,
    ) -> Result<()> {
        let file = RemoteFile {
            name: "digits.gz",
            content_sha256: &self.sum,
            content_bytes: self.content.len() as u64,
        };
        let options = DownloadOptions {
            attempts: 2,
            silence: Duration::from_millis(600),
            pause: Duration::from_millis(1),
        };
        fetch_files(&[file], folder, mirrors, &options, progress, budget)
    }
}

fn gzip(content: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The folder holds the file, its content is right, and nothing else is there.
fn assert_fetched(folder: &Path, sample: &Sample) {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(names, ["digits.gz"]);
    let bytes = fs::read(folder.join("digits.gz")).unwrap();
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut content).unwrap();
    assert_eq!(content, sample.content);
}

#[test]
fn a_good_server_is_asked_once_and_then_no_more() {
    let (folder, sample) = (tempfile::tempdir().unwrap(), Sample::new());
    let server = Server::new(vec![Act::Serve(Arc::clone(&sample.gzip))]);
    sample.fetch(folder.path(), &[&server], &Budget::default()).unwrap();
    assert_fetched(folder.path(), &sample);
    sample.fetch(folder.path(), &[&server], &Budget::default()).unwrap();
    assert_eq!(server.ranges(), [None]);
    // A file that has been damaged since is fetched anew.
    fs::write(folder.path().join("digits.gz"), b"damaged").unwrap();
    sample.fetch(folder.path(), &[&server], &Budget::default()).unwrap();
    assert_fetched(folder.path(), &sample);
}

#[test]
fn mirrors_may_compress_as_they_like() {
    let sample = Sample::new();
    let stored = Arc::new(gzip(&sample.content, Compression::none()));
    assert_ne!(stored, sample.gzip);
    for body in [stored, Arc::new(sample.content.clone())] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::new(vec![Act::Serve(Arc::clone(&body))]);
        sample.fetch(folder.path(), &[&server], &Budget::default()).unwrap();
        assert_eq!(fs::read(folder.path().join("digits.gz")).unwrap(), *body);
    }
}

#[test]
fn a_truncated_download_goes_on_where_it_ended() {
    let (folder, sample) = (tempfile::tempdir().unwrap(), Sample::new());
    let body = &sample.gzip;
    let server = Server::new(vec![
        Act::Truncate(Arc::clone(body), 1000),
        Act::Truncate(Arc::clone(body), 500),
        Act::HangUp,
        Act::Serve(Arc::clone(body)),
    ]);
    sample.fetch(folder.path(), &[&server], &Budget::default()).unwrap();
    assert_fetched(folder.path(), &sample);
    let from = |bytes: usize| Some(format!("bytes={bytes}-"));
    assert_eq!(server.ranges(), [None, from(1000), from(1500), from(1500)]);
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let (folder, sample) = (tempfile::tempdir().unwrap(), Sample::new());
    fs::write(folder.path().join("digits.gz.part"), &sample.gzip[..2000]).unwrap();
    let server = Server::new(vec![Act::Rangeless(Arc::clone(&sample.gzip))]);
    sample.fetch(folder.path(), &[&server], &Budget::default()).unwrap();
    assert_fetched(folder.path(), &sample);
    assert_eq!(server.ranges(), [Some("bytes=2000-".to_string())]);
}

#[test]
fn a_part_that_is_whole_or_foreign_does_not_stand_in_the_way() {
    let sample = Sample::new();
    let mut foreign = vec![0; 300];
    foreign.extend_from_slice(b"of another mirror");
    for (part, requests) in [(sample.gzip.to_vec(), 1), (foreign, 2), (vec![7; 9000], 2)] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("digits.gz.part"), &part).unwrap();
        let server = Server::new(vec![Act::Serve(Arc::clone(&sample.gzip))]);
        sample.fetch(folder.path(), &[&server], &Budget::default()).unwrap();
        assert_fetched(folder.path(), &sample);
        assert_eq!(server.ranges().len(), requests);
    }
}

#[test]
fn the_next_mirror_is_asked_when_one_fails() {
    let sample = Sample::new();
    let other = Arc::new(gzip(b"other content", Compression::default()));
    let huge = Arc::new(vec![0; 1 << 20]);
    for (act, reason) in [
        (Act::Status("404 Not Found"), "HTTP status 404"),
        (Act::Status("503 Service Unavailable"), "HTTP status 503"),
        (Act::Serve(other), "wrong SHA-256"),
        (Act::Serve(huge), "announces 1.0 MB"),
        (Act::HangUp, ""),
        (Act::Silence, ""),
        (Act::RedirectToTls, "redirects to https, only http is spoken"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (bad, good) =
            (Server::new(vec![act.clone()]), Server::new(vec![Act::Serve(Arc::clone(&sample.gzip))]));
        sample.fetch(folder.path(), &[&bad, &good], &Budget::default()).unwrap();
        assert_fetched(folder.path(), &sample);

        let folder = tempfile::tempdir().unwrap();
        let error = sample.fetch(folder.path(), &[&bad], &Budget::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        let message = error.to_string();
        assert!(message.starts_with("no mirror gave `digits.gz` (http://127.0.0.1:"), "{message}");
        assert!(message.contains(reason) && !message.contains('\n'), "{message}");
        assert!(!error.hints().is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing wrong is left: {message}");
    }
}

#[test]
fn an_unannounced_flood_is_cut_off() {
    // Without a length, more than the file can be is not written to the disk.
    let (folder, sample) = (tempfile::tempdir().unwrap(), Sample::new());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while stream.write_all(&[0; 4096]).is_ok() {}
    });
    let error = sample.fetch_urls(folder.path(), &[mirror], &Silent, &Budget::default()).unwrap_err();
    assert!(error.to_string().contains("sends more than 70614 bytes"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Cancels when the first bytes have arrived, as Ctrl-C does.
struct CancelAtFirstBytes(Budget);

impl Progress for CancelAtFirstBytes {
    fn stage(&self, name: &str, total: Option<u64>) {
        assert_eq!(name, "digits.gz");
        assert!(total.is_some_and(|total| total > 5000));
    }
    fn update(&self, done: u64, state: &str) {
        assert!(state.contains(" of "), "{state}");
        if done > 0 {
            self.0.cancel();
        }
    }
    fn note(&self, _line: &str) {}
}

#[test]
fn an_interrupted_download_keeps_its_part_and_resumes() {
    let (folder, sample) = (tempfile::tempdir().unwrap(), Sample::new());
    let server = Server::new(vec![
        Act::Truncate(Arc::clone(&sample.gzip), 1234),
        Act::Serve(Arc::clone(&sample.gzip)),
    ]);
    let budget = Budget::default();
    let progress = CancelAtFirstBytes(budget.clone());
    let mirrors = [server.url.clone()];
    let error = sample.fetch_urls(folder.path(), &mirrors, &progress, &budget).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(error.hints()[0].contains("run it again to resume"));
    let part = fs::read(folder.path().join("digits.gz.part")).unwrap();
    assert!(!part.is_empty() && sample.gzip.starts_with(&part));
    sample.fetch(folder.path(), &[&server], &Budget::default()).unwrap();
    assert_fetched(folder.path(), &sample);
    assert_eq!(server.ranges(), [None, Some(format!("bytes={}-", part.len()))]);

    // A deadline ends it likewise, even while the server is silent.
    let folder = tempfile::tempdir().unwrap();
    let silent = Server::new(vec![Act::Silence]);
    let budget = Budget::default().with_time_limit(Duration::from_millis(150));
    let error = sample.fetch(folder.path(), &[&silent], &budget).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Interrupted, "the time limit ended the download")
    );
}

#[test]
fn mirrors_that_cannot_be_spoken_to_are_refused_at_once() {
    let (folder, sample) = (tempfile::tempdir().unwrap(), Sample::new());
    let fetch = |mirror: &str| {
        sample.fetch_urls(folder.path(), &[mirror.to_string()], &Silent, &Budget::default()).unwrap_err()
    };
    for mirror in ["https://example.org/mnist/", "HTTPS://example.org"] {
        let error = fetch(mirror);
        assert!(error.to_string().contains("is https, only http is spoken"), "{error}");
        assert!(error.hints()[0].contains("use http://") && error.hints()[1].contains("--data DIR"));
    }
    for mirror in ["example.org/mnist", "ftp://example.org/", "http://", ""] {
        assert_eq!(fetch(mirror).kind(), ErrorKind::Unsupported, "{mirror}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
