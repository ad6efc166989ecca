//! Problems found in a declaration. All of them are collected; the first does not hide the rest.

use super::name;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing wrong with a declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// Attribute path from the top of the document, as in `shift.steps[2]`.
    pub path: String,
    /// What is wrong, in a few words.
    pub summary: String,
    /// What to do about it.
    pub remedy: String,
    /// Paths of the other attributes that it follows from: while one of them is not known, it is not
    /// certain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.summary, self.remedy)
    }
}

/// Every problem of one document, in the order of its attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

impl Problems {
    /// Adds a problem. Of a long summary, which quotes what the user wrote, an [`excerpt`].
    pub fn add(&mut self, path: &str, summary: impl Into<String>, remedy: impl Into<String>) {
        let (path, related) = (path.to_owned(), Vec::new());
        self.0.push(Problem { path, summary: excerpt(summary), remedy: remedy.into(), related });
    }

    /// Adds a problem between attributes unless `holds`, at the one that is best changed. Where one of
    /// them is wrong by itself, that is told, and not what follows from it.
    pub fn relate(
        &mut self,
        holds: bool,
        path: &str,
        related: &[&str],
        summary: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let is_told = |path: &str| self.0.iter().any(|problem| is_within(&problem.path, path));
        if holds || is_told(path) || related.iter().any(|path| is_told(path)) {
            return;
        }
        let related = related.iter().map(|path| (*path).to_owned()).collect();
        self.0.push(Problem { path: path.to_owned(), summary: excerpt(summary), remedy: remedy.into(), related });
    }

    /// Notes a problem unless the text is a name.
    pub fn name(&mut self, path: &str, text: &str) {
        self.require(name::is_valid(text), path, format!("{text:?} is not a valid name"), name::RULE);
    }

    /// Notes a problem unless the text is a name in which underscores may stand for hyphens.
    pub fn key(&mut self, path: &str, text: &str) {
        self.require(name::is_valid(&text.replace('_', "-")), path, "the key is not a valid name", name::RULE);
    }

    /// Adds a problem unless `holds`.
    pub fn require(&mut self, holds: bool, path: &str, summary: impl Into<String>, remedy: impl Into<String>) {
        if !holds {
            self.add(path, summary, remedy);
        }
    }

    /// Reads a duration, noting a problem and answering zero where it is not one.
    pub fn duration(&mut self, path: &str, text: &str) -> SignedDuration {
        parse_duration(text).unwrap_or_else(|summary| {
            self.add(path, summary, "write a positive duration such as \"30s\", \"5m\", \"1h30m\" or \"28d\"");
            SignedDuration::ZERO
        })
    }

    /// Notes a problem unless `min ≤ value ≤ max`.
    pub fn in_range(&mut self, path: &str, value: f64, min: f64, max: f64) {
        self.require(
            (min..=max).contains(&value),
            path,
            format!("{value} is out of range"),
            format!("choose a number from {min} to {max}"),
        );
    }

    /// The value, or the problems if there are any.
    ///
    /// # Errors
    /// The collected problems.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

/// Whether a path is that of `whole` or of a part of it.
fn is_within(path: &str, whole: &str) -> bool {
    path.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Longest excerpt of a text, in bytes, but for the mark between its halves: the names of all attributes of a document, in
/// an error over one that does not exist, are still whole.
const EXCERPT_LENGTH_MAX: usize = 800;

/// A text that may quote a long one: of more than a few hundred characters the beginning and the end,
/// where it says what it is about and what is wrong.
pub fn excerpt(text: impl Into<String>) -> String {
    let mut text = text.into();
    if text.len() > EXCERPT_LENGTH_MAX {
        let half = EXCERPT_LENGTH_MAX / 2;
        let middle = text.floor_char_boundary(half)..text.ceil_char_boundary(text.len() - half);
        text.replace_range(middle, " … ");
    }
    text
}

/// Longest duration accepted anywhere: ten years, so that adding one to a time cannot overflow.
const DURATION_MAX: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// Reads `"500ms"`, `"30s"`, `"1h30m"` or `"28d"` (a day is 24 hours).
///
/// # Errors
/// What is wrong with the text, in a few words.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let span: Span = text.parse().map_err(|_error| format!("{text:?} is not a duration"))?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_error| format!("{text:?} is not a duration of fixed length"))?;
    if duration <= SignedDuration::ZERO {
        return Err(format!("{text:?} is not positive"));
    }
    if duration > DURATION_MAX {
        return Err(format!("{text:?} is longer than ten years"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_terraform_and_prometheus_users_write_them() {
        let check = |text: &str, ms: i64| {
            assert_eq!(parse_duration(text), Ok(SignedDuration::from_millis(ms)), "{text}");
        };
        check("500ms", 500);
        check("1h30m", 5_400_000);
        check("28d", 28 * 86_400_000);
        check("1.5s", 1500);
        for bad in ["", "5", "abc", "-5m", "0s", "1y", "11000d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_summary_quotes_is_cut_in_the_middle() {
        let mut problems = Problems::default();
        for text in ["ab".repeat(1 << 20), "ä".repeat(1 << 20)] {
            problems.name("name", &text);
        }
        for problem in problems.0 {
            let summary = problem.summary;
            assert!(summary.ends_with("\" is not a valid name") && summary.contains(" … "), "{summary}");
            assert!(summary.len() < EXCERPT_LENGTH_MAX + 10, "{summary}");
        }
        assert_eq!(excerpt("short"), "short");
    }
}
