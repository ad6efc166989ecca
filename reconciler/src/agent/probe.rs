//! Asks a process over HTTP whether it is well, at a steady pace. Restarts nothing: readers of the
//! reading decide.

use shadow_core::model::check::parse_duration;
use shadow_core::model::process::HttpProbe;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};

/// Shortest pace: ten probes a second are noise to a service, a thousand are an attack.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Longest patience: an answer after a minute helps nobody.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Longest status line that is read; real ones have less than a hundred bytes.
const STATUS_LINE_MAX: u64 = 1 << 10;

/// Bytes of an answer that are read and dropped, so that the service can end it properly.
const BODY_MAX: u64 = 64 << 10;

/// What is asked, and where.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    /// Address that the process listens on.
    pub address: String,
    /// Port that the process listens on.
    pub port: u16,
    /// The declared probe.
    pub probe: HttpProbe,
}

/// What probing has shown so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Reading {
    /// The newest probe; none before the first.
    pub newest: Option<Answer>,
    /// Probes without a good answer.
    pub failures: u64,
}

/// One probe.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Answer {
    /// Whether it answered 2xx or 3xx in time.
    pub success: bool,
    /// Time until the TCP connection stood, if it did.
    pub connect: Option<Duration>,
    /// Time until the status line, if there was one.
    pub duration: Option<Duration>,
}

/// Probes until dropped.
#[derive(Debug)]
pub(super) struct Prober {
    /// What is asked.
    pub target: Target,
    task: JoinHandle<()>,
}

impl Prober {
    /// Begins after one interval: a process needs a moment before it listens.
    pub(super) fn start(target: Target, reading: watch::Sender<Reading>) -> Self {
        let task = tokio::spawn(probe_forever(target.clone(), reading));
        Self { target, task }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn probe_forever(target: Target, reading: watch::Sender<Reading>) {
    let every = duration_of(&target.probe.interval).max(INTERVAL_MIN);
    let mut interval = interval_at(Instant::now() + every, every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let answer = probe(&target).await;
        reading.send_modify(|reading| {
            reading.newest = Some(answer);
            reading.failures += u64::from(!answer.success);
        });
    }
}

async fn probe(target: &Target) -> Answer {
    let begun = Instant::now();
    let deadline = begun + duration_of(&target.probe.timeout).min(TIMEOUT_MAX);
    let Ok(Ok(stream)) = timeout_at(deadline, TcpStream::connect((target.address.as_str(), target.port))).await else {
        return Answer::default();
    };
    let connect = Some(begun.elapsed());
    match timeout_at(deadline, get(stream, target)).await {
        Ok(Ok(status)) => Answer { success: (200..400).contains(&status), connect, duration: Some(begun.elapsed()) },
        Ok(Err(_)) | Err(_) => Answer { connect, ..Answer::default() },
    }
}

/// The status of one GET. No client library tells when the connection stood, which is wanted here,
/// and of the answer nothing but the first line matters.
async fn get(stream: TcpStream, target: &Target) -> io::Result<u16> {
    let Target { address, port, probe } = target;
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {address}:{port}\r\nuser-agent: shadow-agent\r\nconnection: close\r\n\r\n",
        probe.path
    );
    let mut stream = BufReader::new(stream);
    stream.write_all(request.as_bytes()).await?;
    let mut line = String::new();
    (&mut stream).take(STATUS_LINE_MAX).read_line(&mut line).await?;
    let status = status_in(&line).ok_or(io::ErrorKind::InvalidData)?;
    tokio::spawn(timeout(TIMEOUT_MAX, async move {
        tokio::io::copy(&mut stream.take(BODY_MAX), &mut tokio::io::sink()).await
    }));
    Ok(status)
}

fn status_in(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.trim().parse().ok()
}

fn duration_of(text: &str) -> Duration {
    // Declarations are checked before they get here.
    parse_duration(text).ok().and_then(|duration| duration.try_into().ok()).unwrap_or(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answer_to(reply: &'static str) -> Answer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _length = stream.read(&mut request).await.unwrap();
            stream.write_all(reply.as_bytes()).await.unwrap();
            // Kept open until the prober hangs up, as a service that keeps connections alive would.
            let _length = stream.read(&mut request).await;
        });
        let probe = HttpProbe { path: "/".to_owned(), interval: "1s".to_owned(), timeout: "300ms".to_owned() };
        let answer = probe_and_end(Target { address: "127.0.0.1".to_owned(), port, probe }).await;
        server.abort();
        answer
    }

    async fn probe_and_end(target: Target) -> Answer {
        super::probe(&target).await
    }

    #[tokio::test]
    async fn only_good_statuses_are_successes() {
        assert!(answer_to("HTTP/1.1 204 No Content\r\n\r\n").await.success);
        let failing = answer_to("HTTP/1.1 503 Service Unavailable\r\n\r\n").await;
        assert!(!failing.success && failing.duration.is_some());
    }

    #[tokio::test]
    async fn an_unanswered_probe_has_no_duration() {
        let silent = answer_to("").await;
        assert!(!silent.success && silent.connect.is_some() && silent.duration.is_none());
        let nonsense = answer_to("220 smtp.example ESMTP\r\n").await;
        assert_eq!(nonsense.duration, None);
        let probe = HttpProbe { path: "/".to_owned(), interval: "1s".to_owned(), timeout: "300ms".to_owned() };
        // Port 1 (tcpmux) is in use nowhere.
        let refused = probe_and_end(Target { address: "127.0.0.1".to_owned(), port: 1, probe }).await;
        assert_eq!(refused, Answer::default());
    }
}
