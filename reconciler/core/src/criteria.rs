//! Failover criteria as people write them: `cpu > 90 % for 5m`, `error_rate > 5 %`. Reads and
//! writes the text; never asks what a signal's value is.

use crate::model::check::parse_duration;
use jiff::SignedDuration;
use std::fmt;
use std::str::FromStr;

/// One condition that a signal may meet.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// Name of the signal.
    pub signal: String,
    /// How its value is compared.
    pub comparison: Comparison,
    /// With what, in `unit`.
    pub value: f64,
    /// Unit of `value`, one of [`UNITS`](crate::model::signal::UNITS); absent means that of the signal.
    pub unit: Option<&'static str>,
    /// For how long it must hold; absent means at one evaluation.
    pub duration: Option<SignedDuration>,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// Longest text that is read: room for the longest name and number that anybody writes.
pub const TEXT_LENGTH_MAX: usize = 256;

/// Longest name of a signal: as long as other names may be.
const SIGNAL_LENGTH_MAX: usize = crate::model::name::NAME_LENGTH_MAX;

/// Each operator before the one that it begins with.
const COMPARISONS: [(&str, Comparison); 4] =
    [(">=", Comparison::AtLeast), ("<=", Comparison::AtMost), (">", Comparison::Above), ("<", Comparison::Below)];

/// Units as people write them, the unit that is meant, and how many of that one they are.
const SPELLINGS: [(&str, &str, f64); 22] = [
    ("%", "percent", 1.0),
    ("percent", "percent", 1.0),
    ("ms", "seconds", 1e-3),
    ("s", "seconds", 1.0),
    ("seconds", "seconds", 1.0),
    ("m", "seconds", 60.0),
    ("min", "seconds", 60.0),
    ("B", "bytes", 1.0),
    ("bytes", "bytes", 1.0),
    ("KiB", "bytes", 1024.0),
    ("MiB", "bytes", 1_048_576.0),
    ("GiB", "bytes", 1_073_741_824.0),
    ("ratio", "ratio", 1.0),
    ("°C", "celsius", 1.0),
    ("celsius", "celsius", 1.0),
    ("cores", "cores", 1.0),
    ("count", "count", 1.0),
    ("/s", "per_second", 1.0),
    ("per_second", "per_second", 1.0),
    ("B/s", "bytes_per_second", 1.0),
    ("MB/s", "bytes_per_second", 1e6),
    ("bytes_per_second", "bytes_per_second", 1.0),
];

/// Text that is no criterion: what is wrong, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CriterionError {
    /// Nothing that long is a criterion.
    #[error("it is longer than {TEXT_LENGTH_MAX} bytes: write one criterion, as in \"cpu > 90 % for 5m\"")]
    TooLong,
    /// It does not begin with a name.
    #[error(
        "it does not begin with the name of a signal: write a letter, then letters, digits, _ or - (at most \
         {SIGNAL_LENGTH_MAX}), as in \"cpu > 90 %\""
    )]
    Signal,
    /// No operator follows the name.
    #[error("{0:?} is no comparison: write >, >=, < or <= after the signal")]
    Comparison(String),
    /// No number follows the operator.
    #[error("{0:?} is no number: write a decimal number after the comparison, as in 90 or 0.5")]
    Value(String),
    /// The unit is not known.
    #[error(
        "{0:?} is no unit: write %, ms, s, B, KiB, MiB, GiB, /s, B/s, MB/s, cores, °C, ratio or count, or leave it out"
    )]
    Unit(String),
    /// What follows the value is not `for` and a duration.
    #[error("{0:?} is not understood: end after the value, or with \"for\" and a duration, as in \"for 5m\"")]
    Rest(String),
    /// The duration cannot be read.
    #[error("{0}: write a positive duration after \"for\", as in 30s, 5m or 1h30m")]
    Duration(String),
}

impl Criterion {
    /// Whether a value in the criterion's unit meets it.
    pub fn holds_for(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Above => value > self.value,
            Comparison::AtLeast => value >= self.value,
            Comparison::Below => value < self.value,
            Comparison::AtMost => value <= self.value,
        }
    }
}

impl FromStr for Criterion {
    type Err = CriterionError;

    fn from_str(text: &str) -> Result<Self, CriterionError> {
        if text.len() > TEXT_LENGTH_MAX {
            return Err(CriterionError::TooLong);
        }
        let (signal, rest) = read_signal(text.trim())?;
        let (comparison, rest) = read_comparison(rest.trim_start())?;
        let (number, rest) = read_number(rest.trim_start())?;
        let (unit, rest) = read_unit(rest.trim_start())?;
        let value = number * unit.map_or(1.0, |(_, factor)| factor);
        let duration = read_duration(rest.trim_start())?;
        Ok(Self { signal: signal.to_owned(), comparison, value, unit: unit.map(|(unit, _)| unit), duration })
    }
}

fn read_signal(text: &str) -> Result<(&str, &str), CriterionError> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let (name, rest) = split_while(text, part);
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= SIGNAL_LENGTH_MAX;
    if named { Ok((name, rest)) } else { Err(CriterionError::Signal) }
}

fn read_comparison(text: &str) -> Result<(Comparison, &str), CriterionError> {
    let read = |(sign, comparison): &(&str, Comparison)| Some((*comparison, text.strip_prefix(sign)?));
    COMPARISONS.iter().find_map(read).ok_or_else(|| CriterionError::Comparison(word(text)))
}

fn read_number(text: &str) -> Result<(f64, &str), CriterionError> {
    let (digits, rest) = split_while(text, |c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'));
    let number = digits.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(|number| (number, rest)).ok_or_else(|| CriterionError::Value(word(text)))
}

/// A unit, and how many of it a spelling means.
type Scale = (&'static str, f64);

/// None where the text ends or goes on with `for`.
fn read_unit(text: &str) -> Result<(Option<Scale>, &str), CriterionError> {
    let (spelling, rest) = split_while(text, |c| !c.is_whitespace());
    if spelling.is_empty() || spelling == "for" {
        return Ok((None, text));
    }
    let known = SPELLINGS.iter().find(|(known, _, _)| *known == spelling);
    let (_, unit, factor) = known.ok_or_else(|| CriterionError::Unit(spelling.to_owned()))?;
    Ok((Some((unit, *factor)), rest))
}

fn read_duration(text: &str) -> Result<Option<SignedDuration>, CriterionError> {
    if text.is_empty() {
        return Ok(None);
    }
    let (keyword, rest) = split_while(text, |c| !c.is_whitespace());
    if keyword != "for" {
        return Err(CriterionError::Rest(text.to_owned()));
    }
    parse_duration(rest.trim()).map(Some).map_err(CriterionError::Duration)
}

fn split_while(text: &str, part: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !part(c)).unwrap_or(text.len()))
}

fn word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_owned()
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = COMPARISONS.iter().find(|(_, known)| known == self).map_or("", |(sign, _)| sign);
        f.write_str(sign)
    }
}

impl fmt::Display for Criterion {
    /// The one form in which it reads as the same criterion again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.signal, self.comparison, self.value)?;
        if let Some(unit) = self.unit {
            write!(f, " {unit}")?;
        }
        self.duration.map_or(Ok(()), |duration| write!(f, " for {duration:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signal::UNITS;
    use proptest::prelude::*;

    fn read(text: &str) -> Criterion {
        text.parse().unwrap()
    }

    #[test]
    fn criteria_as_people_write_them() {
        let cpu = read("cpu > 90 % for 5m");
        assert_eq!(cpu.signal, "cpu");
        assert_eq!(cpu.comparison, Comparison::Above);
        assert_eq!((cpu.value, cpu.unit), (90.0, Some("percent")));
        assert_eq!(cpu.duration, Some(SignedDuration::from_mins(5)));
        assert_eq!(read("error_rate>5%").duration, None);
        assert_eq!(read(" latency >= 250ms for 1h30m "), read("latency>=0.25 seconds for 90m"));
        assert_eq!(read("free <= 2 GiB"), read("free <= 2147483648 bytes"));
        assert_eq!(read("queue > 1000 for 30s").unit, None);
        assert_eq!(read("temperature < -5.5 °C"), read("temperature < -05.50 celsius"));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write() {
        let wrong = |text: &str| text.parse::<Criterion>().unwrap_err();
        assert_eq!(wrong(""), CriterionError::Signal);
        assert_eq!(wrong("9lives > 1"), CriterionError::Signal);
        assert_eq!(wrong("cpu"), CriterionError::Comparison(String::new()));
        assert_eq!(wrong("cpu = 90"), CriterionError::Comparison("=".to_owned()));
        assert_eq!(wrong("cpu > much"), CriterionError::Value("much".to_owned()));
        assert_eq!(wrong("cpu > 1.2.3"), CriterionError::Value("1.2.3".to_owned()));
        assert_eq!(wrong("cpu > 90 parsecs"), CriterionError::Unit("parsecs".to_owned()));
        assert_eq!(wrong("cpu > 90 % during 5m"), CriterionError::Rest("during 5m".to_owned()));
        assert!(matches!(wrong("cpu > 90 % for ever"), CriterionError::Duration(_)));
        assert!(matches!(wrong("cpu > 90 % for"), CriterionError::Duration(_)));
        assert_eq!(wrong(&"x".repeat(TEXT_LENGTH_MAX + 1)), CriterionError::TooLong);
    }

    #[test]
    fn a_criterion_holds_on_its_side() {
        let holds = |text: &str| [4.0, 5.0, 6.0].map(|value| read(text).holds_for(value));
        assert_eq!(holds("x > 5"), [false, false, true]);
        assert_eq!(holds("x >= 5"), [false, true, true]);
        assert_eq!(holds("x < 5"), [true, false, false]);
        assert_eq!(holds("x <= 5"), [true, true, false]);
    }

    #[test]
    fn every_unit_of_a_signal_can_be_written() {
        for (unit, _) in UNITS {
            assert_eq!(read(&format!("x > 1 {unit}")).unit, Some(unit));
        }
        assert!(SPELLINGS.iter().all(|(_, meant, _)| UNITS.iter().any(|(unit, _)| unit == meant)));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_reads_again(text in ".{0,40}|[a-z]{1,4} ?[<>]=? ?[0-9]{1,3} ?(%|ms|)( for [1-9]m)?") {
            if let Ok(criterion) = text.parse::<Criterion>() {
                prop_assert_eq!(criterion.to_string().parse::<Criterion>(), Ok(criterion));
            }
        }
    }
}
