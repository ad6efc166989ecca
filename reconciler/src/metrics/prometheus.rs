//! Samples of one series from the HTTP API of Prometheus or a server that speaks it. It never writes,
//! never keeps samples, and never fills a gap.
//!
//! **Absent and frozen targets.** Prometheus answers for a time with the newest sample of the five minutes
//! before it, so a series that ended looks alive for that long. When a scrape fails or a target disappears
//! Prometheus notes the end of its series, and the next step is a gap. But series that were pushed or carry
//! their own time stamps have no such note, nor has any series while Prometheus itself was down. A
//! sample older than three steps is therefore not taken for a fresh one, in two ways:
//!
//! - every query is sent with `lookback_delta`, which Prometheus knows since 2.43 and others ignore;
//! - a query that is a plain selector is sent as `SELECTOR and last_over_time(SELECTOR[three steps])`, which
//!   every server understands.
//!
//! What is left: an expression such as `sum(x)` over pushed series on a server that ignores `lookback_delta`
//! repeats the last value for five minutes. A window inside the query, as in `rate(x[5m])`, is the author's
//! own: it answers as long as the window holds two samples. And a step must not be shorter than a third of
//! the scrape interval, or the answer has holes.

use super::prometheus_answer::{self as answer, Sample};
use super::query::{fresh, mean};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Most points in one query: Prometheus refuses more than 11,000 per series.
const POINTS_PER_QUERY_MAX: i64 = 11_000;

/// Most points in one call: 28 days at 5 s and a little, some 8 MiB of samples. Asking for more is a step that
/// does not fit the range.
const POINTS_MAX: i64 = 500_000;

/// A sample is fresh for this many steps: one may be late and one lost.
const LOOKBACK_STEPS: i32 = 3;

/// A sample is fresh for this long in an instant query: four scrapes at the common interval of 15 s.
const INSTANT_LOOKBACK: SignedDuration = SignedDuration::from_secs(60);

/// A sample is fresh for this long where a signal's steps are longer: three scrapes at the longest usual interval, a
/// minute.
pub(crate) const LIVE_LOOKBACK: SignedDuration = SignedDuration::from_secs(180);

/// Steps up to this length are not averaged: it is the usual interval of scrapes, and there is nothing between two.
pub(crate) const RESOLUTION_MIN: SignedDuration = SignedDuration::from_secs(15);

/// Values of an expression that a step's mean is taken of, at most: one a minute for five minutes. More would tell little
/// more, and four weeks of them for a thousand signals keep Prometheus busy for minutes.
const RESOLUTION_STEPS: i32 = 5;

/// Longest answer read. The largest legitimate one is 11,000 points of some 40 bytes; the rest is for a
/// query that matches many series, which is refused by name rather than by size.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Queries at once, over all groups: Prometheus by default runs 20, so there is always one more waiting for it, and a
/// thousand groups do not open thousands of connections. A query that waits uses up its caller's time.
const QUERIES_MAX: usize = 40;

/// Longest text of the server that is repeated in an error.
const QUOTE_CHARS_MAX: usize = 500;

/// A server that answers queries.
#[derive(Debug, Clone)]
pub struct PrometheusSource {
    http: Client,
    base: Url,
    timeout: Duration,
    permits: Arc<Semaphore>,
}

/// One question, in its user's words and in those in which it is put.
struct Asked<'a> {
    query: &'a str,
    text: String,
    /// Age up to which a sample is taken for present.
    lookback: SignedDuration,
    /// Most points in one request.
    points: i64,
}

/// Why there are no samples. Every text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The base address cannot be one.
    #[error(
        "{url:?} is not the address of a Prometheus server: write it as http://HOST:PORT, with its path prefix if it has one"
    )]
    BadAddress {
        /// As it was given, without credentials.
        url: String,
    },
    /// The HTTP client could not be made.
    #[error("cannot set up HTTPS: install the system's root certificates")]
    Client(#[source] reqwest::Error),
    /// Nobody answered.
    #[error("cannot reach Prometheus at {url}: check the address and that the server runs")]
    Unreachable {
        /// The server.
        url: String,
        /// What happened on the network.
        source: reqwest::Error,
    },
    /// The server, or the way to it, took too long.
    #[error(
        "Prometheus at {url} did not answer {query:?} within {timeout:?}: simplify the query, record it as a rule, or allow more time"
    )]
    Timeout {
        /// The server.
        url: String,
        /// The query.
        query: String,
        /// The time that was allowed.
        timeout: Duration,
    },
    /// The server wants other credentials.
    #[error(
        "Prometheus at {url} refused our credentials (HTTP {status}): put a user and password that may read into its address"
    )]
    Unauthorized {
        /// The server.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// The server is up but cannot answer at present.
    #[error("Prometheus at {url} cannot answer at present (HTTP {status}): {text}")]
    Unavailable {
        /// The server.
        url: String,
        /// The status.
        status: u16,
        /// What it said.
        text: String,
    },
    /// The query is wrong, in the server's own words.
    #[error("Prometheus refused the query {query:?}: {text}")]
    BadQuery {
        /// The query.
        query: String,
        /// What it said.
        text: String,
    },
    /// The answer does not say which series is meant.
    #[error(
        "the query {query:?} returned {count} series, such as {examples}: add a label matcher, or aggregate with sum() or max()"
    )]
    SeveralSeries {
        /// The query.
        query: String,
        /// How many.
        count: usize,
        /// Up to three label sets.
        examples: String,
    },
    /// The answer is empty. Gaps inside an answer are not this error: their samples are merely missing.
    #[error(
        "the query {query:?} returned no sample from {start} to {end}: check its spelling and labels, and that its target is up"
    )]
    NoSeries {
        /// The query.
        query: String,
        /// First time asked for.
        start: Timestamp,
        /// Last time asked for.
        end: Timestamp,
    },
    /// The answer is of another kind than numbers over time.
    #[error("the query {query:?} returned {kind} instead of numbers: {remedy}")]
    WrongKind {
        /// The query.
        query: String,
        /// What it returned.
        kind: &'static str,
        /// What to write instead.
        remedy: &'static str,
    },
    /// The range and the step do not fit.
    #[error(
        "{start} to {end} in steps of {step:#} is not from 1 to {POINTS_MAX} points: choose a longer step or a shorter range"
    )]
    BadRange {
        /// First time asked for.
        start: Timestamp,
        /// Last time asked for.
        end: Timestamp,
        /// Between points.
        step: SignedDuration,
    },
    /// The answer is too long to be one series.
    #[error("the answer to {query:?} is longer than {ANSWER_BYTES_MAX} bytes: aggregate so that one series is left")]
    TooLong {
        /// The query.
        query: String,
    },
    /// Something else than Prometheus answered.
    #[error(
        "what answers at {url} is not the API of Prometheus (HTTP {status}): check the address and its path prefix; it said {text:?}"
    )]
    NotPrometheus {
        /// The server.
        url: String,
        /// The status.
        status: u16,
        /// The beginning of what it said.
        text: String,
    },
}

impl PrometheusSource {
    /// A source at `base_url`, such as `http://127.0.0.1:9090` or `https://user:password@host/prometheus`.
    /// Every request is given up after `timeout`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`MetricsError::BadAddress`] or [`MetricsError::Client`].
    pub fn new(base_url: &str, timeout: Duration) -> Result<Self, MetricsError> {
        let bad_address = || MetricsError::BadAddress { url: without_credentials(base_url) };
        let mut base = Url::parse(base_url).map_err(|_error| bad_address())?;
        if !["http", "https"].contains(&base.scheme()) || !base.has_host() {
            return Err(bad_address());
        }
        base.set_path(&format!("{}/", base.path().trim_end_matches('/')));
        base.set_query(None);
        // Only the first call in a process takes effect.
        rustls::crypto::ring::default_provider().install_default().ok();
        // A redirected POST would arrive as a GET without its query.
        let builder = Client::builder().timeout(timeout).redirect(redirect::Policy::none());
        let permits = Arc::new(Semaphore::new(QUERIES_MAX));
        Ok(Self { http: builder.build().map_err(MetricsError::Client)?, base, timeout, permits })
    }

    /// The samples of the one series of `query` from `start` to `end`, both included, every `step`. Steps without a
    /// sample, and those whose value is not a finite number, are left out. For what is new since the last
    /// call, start one step after the last sample.
    ///
    /// # Errors
    /// Any [`MetricsError`]; [`MetricsError::NoSeries`] when there is not one sample.
    pub async fn range(
        &self,
        query: &str,
        start: Timestamp,
        end: Timestamp,
        step: SignedDuration,
    ) -> Result<Vec<Sample>, MetricsError> {
        let lookback = step.checked_mul(LOOKBACK_STEPS).ok_or(MetricsError::BadRange { start, end, step })?;
        let asked = Asked { query, text: fresh(query, lookback), lookback, points: POINTS_PER_QUERY_MAX };
        self.points(&asked, start, end, step).await
    }

    /// The means of the one series of `query` over the steps that end from `first` to `last`, both included; the time
    /// of each is the beginning of its step. A plain selector is averaged over the samples that were scraped, anything
    /// else over its values every fifth of a step. Steps without a sample are left out.
    ///
    /// # Errors
    /// Any [`MetricsError`]; [`MetricsError::NoSeries`] when there is not one sample.
    pub async fn means(
        &self,
        query: &str,
        (first, last): (Timestamp, Timestamp),
        step: SignedDuration,
    ) -> Result<Vec<Sample>, MetricsError> {
        let resolution = (step / RESOLUTION_STEPS).clamp(RESOLUTION_MIN, step.max(RESOLUTION_MIN));
        // What is evaluated counts as well, not only what is answered.
        let evaluated = i64::try_from(step.as_millis() / resolution.as_millis().max(1)).unwrap_or(POINTS_PER_QUERY_MAX);
        let points = (POINTS_PER_QUERY_MAX / evaluated.max(1)).max(1);
        let asked = Asked { query, text: mean(query, step, resolution), lookback: LIVE_LOOKBACK, points };
        let ends = self.points(&asked, first, last, step).await?;
        Ok(ends.into_iter().filter_map(|(end, value)| Some((end.checked_sub(step).ok()?, value))).collect())
    }

    /// The values of the one series of `query` from `start` to `end` as a history with that step takes them: as they are
    /// where steps are as short as scrapes, else the means of the steps that have ended.
    ///
    /// # Errors
    /// As [`Self::range`] and [`Self::means`].
    pub async fn steps(
        &self,
        query: &str,
        start: Timestamp,
        end: Timestamp,
        step: SignedDuration,
    ) -> Result<Vec<Sample>, MetricsError> {
        if step <= RESOLUTION_MIN {
            return self.range(query, start, end, step).await;
        }
        let bad_range = || MetricsError::BadRange { start, end, step };
        let first = ended(start, step).and_then(|end| end.checked_add(step).ok()).ok_or_else(bad_range)?;
        self.means(query, (first, ended(end, step).ok_or_else(bad_range)?), step).await
    }

    async fn points(
        &self,
        asked: &Asked<'_>,
        start: Timestamp,
        end: Timestamp,
        step: SignedDuration,
    ) -> Result<Vec<Sample>, MetricsError> {
        let bad_range = || MetricsError::BadRange { start, end, step };
        let mut series = answer::Series::default();
        for (first, last) in chunks(start, end, step, asked.points).ok_or_else(bad_range)? {
            let form = [
                ("query", asked.text.clone()),
                ("start", seconds(first.as_duration())),
                ("end", seconds(last.as_duration())),
                ("step", seconds(step)),
                ("lookback_delta", seconds(asked.lookback)),
            ];
            let found = self.ask("api/v1/query_range", asked.query, &form).await?;
            series.append(found, asked.query)?;
        }
        if series.is_empty() {
            return Err(MetricsError::NoSeries { query: asked.query.to_owned(), start, end });
        }
        Ok(series.into_samples())
    }

    /// The value of the one series of `query` at the time `at`, at most a minute old; its time is `at`. `None`
    /// when there is none or it is not a finite number.
    ///
    /// # Errors
    /// Any [`MetricsError`] but [`MetricsError::NoSeries`] and [`MetricsError::BadRange`].
    pub async fn instant(&self, query: &str, at: Timestamp) -> Result<Option<Sample>, MetricsError> {
        self.value(query, at, INSTANT_LOOKBACK).await
    }

    /// As [`Self::instant`], for a signal whose scrapes may be a minute apart: at most three minutes old.
    ///
    /// # Errors
    /// As [`Self::instant`].
    pub async fn live(&self, query: &str, at: Timestamp) -> Result<Option<Sample>, MetricsError> {
        self.value(query, at, LIVE_LOOKBACK).await
    }

    async fn value(
        &self,
        query: &str,
        at: Timestamp,
        lookback: SignedDuration,
    ) -> Result<Option<Sample>, MetricsError> {
        let form = [
            ("query", fresh(query, lookback)),
            ("time", seconds(at.as_duration())),
            ("lookback_delta", seconds(lookback)),
        ];
        let mut series = answer::Series::default();
        series.append(self.ask("api/v1/query", query, &form).await?, query)?;
        Ok(series.into_samples().pop())
    }

    async fn ask(&self, path: &str, query: &str, form: &[(&str, String)]) -> Result<answer::Data, MetricsError> {
        let url = self.base.join(path).map_err(|_error| MetricsError::BadAddress { url: self.display() })?;
        // Held until the answer is read. The semaphore is never closed, so there is always a permit at last.
        let _permit = self.permits.acquire().await.ok();
        let response = self.http.post(url).form(form).send().await.map_err(|error| self.network(error, query))?;
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(MetricsError::Unauthorized { url: self.display(), status: status.as_u16() });
        }
        let body = self.body(response, query).await?;
        match serde_json::from_slice(&body) {
            Ok(answer::Answer::Success { data, warnings }) => {
                if !warnings.is_empty() {
                    tracing::warn!(query, ?warnings, "the answer of Prometheus may be incomplete");
                }
                Ok(data)
            }
            Ok(answer::Answer::Error { kind, text }) => Err(self.refusal(query, status, &kind, text)),
            Err(_not_an_answer) => Err(self.not_prometheus(status, &body)),
        }
    }

    async fn body(&self, mut response: Response, query: &str) -> Result<Vec<u8>, MetricsError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.network(error, query))? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(MetricsError::TooLong { query: query.to_owned() });
            }
        }
        Ok(body)
    }

    fn network(&self, error: reqwest::Error, query: &str) -> MetricsError {
        if error.is_timeout() {
            return self.timeout(query);
        }
        // The URL of reqwest's own text has the credentials in it.
        MetricsError::Unreachable { url: self.display(), source: error.without_url() }
    }

    /// The types of error are those of the API's documentation.
    fn refusal(&self, query: &str, status: StatusCode, kind: &str, text: String) -> MetricsError {
        match kind {
            "timeout" => self.timeout(query),
            "bad_data" | "execution" => MetricsError::BadQuery { query: query.to_owned(), text },
            _ => MetricsError::Unavailable { url: self.display(), status: status.as_u16(), text },
        }
    }

    fn not_prometheus(&self, status: StatusCode, body: &[u8]) -> MetricsError {
        let text = String::from_utf8_lossy(body).chars().take(QUOTE_CHARS_MAX).collect();
        let (url, code) = (self.display(), status.as_u16());
        match status {
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                MetricsError::Unavailable { url, status: code, text }
            }
            _ => MetricsError::NotPrometheus { url, status: code, text },
        }
    }

    fn timeout(&self, query: &str) -> MetricsError {
        MetricsError::Timeout { url: self.display(), query: query.to_owned(), timeout: self.timeout }
    }

    fn display(&self) -> String {
        without_credentials(self.base.as_str())
    }
}

/// The part of an address that may be shown.
fn without_credentials(address: &str) -> String {
    match address.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, host)) => format!("{scheme}://{host}"),
        None => address.to_owned(),
    }
}

/// The range in parts that Prometheus takes, oldest first; `None` when it is none or too long.
fn chunks(start: Timestamp, end: Timestamp, step: SignedDuration, most: i64) -> Option<Vec<(Timestamp, Timestamp)>> {
    let (range, step_ms) =
        (end.as_millisecond().checked_sub(start.as_millisecond())?, i64::try_from(step.as_millis()).ok()?);
    if range < 0 || step_ms < 1 {
        return None;
    }
    let points = range / step_ms + 1;
    if points > POINTS_MAX {
        return None;
    }
    let at = |point: i64| Timestamp::from_millisecond(start.as_millisecond() + point * step_ms).ok();
    let firsts = (0..points).step_by(usize::try_from(most).ok()?);
    firsts.map(|first| Some((at(first)?, at((first + most).min(points) - 1)?))).collect()
}

/// The newest end of a step that is not after `at`; steps are counted from the Unix epoch.
pub(crate) fn ended(at: Timestamp, step: SignedDuration) -> Option<Timestamp> {
    let step_ms = i64::try_from(step.as_millis()).ok().filter(|step_ms| *step_ms > 0)?;
    Timestamp::from_millisecond(at.as_millisecond().div_euclid(step_ms) * step_ms).ok()
}

/// Seconds with milliseconds, as the API takes times and durations.
fn seconds(duration: SignedDuration) -> String {
    let ms = duration.as_millis();
    format!("{}{}.{:03}", if ms < 0 { "-" } else { "" }, ms.abs() / 1000, ms.abs() % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn chunks_cover_the_range_once() {
        let check = |end: i64, step: i64, expect: Option<&[(i64, i64)]>| {
            let chunks = chunks(second(0), second(end), SignedDuration::from_secs(step), POINTS_PER_QUERY_MAX);
            let expect = expect.map(|all| all.iter().map(|(a, b)| (second(*a), second(*b))).collect::<Vec<_>>());
            assert_eq!(chunks, expect, "0 to {end} by {step}");
        };
        check(0, 15, Some(&[(0, 0)]));
        check(100, 15, Some(&[(0, 90)]));
        check(10_999, 1, Some(&[(0, 10_999)]));
        check(11_000, 1, Some(&[(0, 10_999), (11_000, 11_000)]));
        check(-1, 1, None);
        check(10, 0, None);
        check(500_000, 1, None);
    }

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(seconds(SignedDuration::from_millis(1_500)), "1.500");
        assert_eq!(seconds(SignedDuration::from_millis(-1_500)), "-1.500");
        assert_eq!(seconds(SignedDuration::from_millis(-5)), "-0.005");
    }

    #[test]
    fn credentials_are_not_shown() {
        let timeout = Duration::from_secs(1);
        let source = PrometheusSource::new("https://user:secret@host:9090/prom", timeout).unwrap();
        assert_eq!(source.display(), "https://host:9090/prom/");
        let error = PrometheusSource::new("ftp://user:secret@host", timeout).unwrap_err().to_string();
        assert!(error.contains("ftp://host") && !error.contains("secret"), "{error}");
        for bad in ["", "host:9090", "http://", "/metrics"] {
            assert!(PrometheusSource::new(bad, timeout).is_err(), "{bad}");
        }
    }
}
