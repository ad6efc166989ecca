//! The attribute `timeouts` by which users bound the time of a resource's operations. The server
//! holds every operation to it and keeps it in the state; a resource only says what it bounds and by
//! how much.

use crate::diagnostics::{Diagnostic, Diagnostics, recognisable};
use crate::path::{Path, Step};
use crate::schema::{Attribute, Attributes, Nesting};
use crate::value::Value;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Name of the attribute in a resource's schema.
pub const NAME: &str = "timeouts";

/// Longest time that is accepted: as good as none, and far from where times overflow.
const LONGEST: SignedDuration = SignedDuration::from_hours(365 * 24);

/// What takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Until a new resource is there.
    Create,
    /// Until its state is known.
    Read,
    /// Until a change is done.
    Update,
    /// Until it is gone.
    Delete,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The operations that are bounded, each with what holds where the user gives no time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeouts(BTreeMap<Operation, Otherwise>);

/// What holds where the user gives no time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Otherwise {
    /// This time.
    Time(Duration),
    /// What the resource itself does, in words.
    Own(&'static str),
}

impl Timeouts {
    /// Nothing is bounded.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same, with one more operation bounded.
    #[must_use]
    pub fn with(mut self, operation: Operation, default: Duration) -> Self {
        self.0.insert(operation, Otherwise::Time(default));
        self
    }

    /// The same, with one more operation that users may bound. Where they do not, the resource itself ends
    /// it, after a time that `when` tells them, as in "30s and the grace".
    #[must_use]
    pub fn with_own(mut self, operation: Operation, when: &'static str) -> Self {
        self.0.insert(operation, Otherwise::Own(when));
        self
    }

    /// The attribute for a resource's schema, under the name [`NAME`].
    pub fn attribute(&self) -> Attribute {
        let one = |(operation, otherwise): (&Operation, &Otherwise)| {
            let name = operation.name();
            let text = format!("Time for {name}: a duration such as `30s`, `10m` or `1h30m`. {otherwise}.");
            (name.to_owned(), Attribute::string(&text))
        };
        let attributes: Attributes = self.0.iter().map(one).collect();
        let text = "How long operations on this resource may take. What is left out keeps its default.";
        Attribute::nested(Nesting::Single, attributes, text)
    }

    /// The time that `operation` has: what `value` (a state or plan) says, or else the default. None where it
    /// is not bounded, or ended by the resource itself.
    pub fn of(&self, operation: Operation, value: &Value) -> Option<Duration> {
        let otherwise = self.0.get(&operation)?;
        let given = value.get(NAME).get(operation.name()).as_str().and_then(|text| parse(text).ok());
        given.or(match otherwise {
            Otherwise::Time(time) => Some(*time),
            Otherwise::Own(_) => None,
        })
    }

    /// A state with the times that its user gave: they are in nothing that a resource reads.
    pub(crate) fn kept(&self, mut state: Value, given: &Value) -> Value {
        if let Value::Object(given) = given
            && let Some(times) = given.get(NAME)
            && !self.0.is_empty()
        {
            state.put(NAME, times.clone());
        }
        state
    }

    /// What is wrong with the times that a user gave.
    pub(crate) fn validate(&self, config: &Value) -> Diagnostics {
        let wrong = |operation: &Operation| {
            let text = config.get(NAME).get(operation.name()).as_str()?;
            let problem = parse(text).err()?;
            let path = Path::attribute(NAME).join(Step::Attribute(operation.name().to_owned()));
            let text = recognisable(format!("{text:?}"));
            let detail = format!("{path} = {text}: {problem}. Write a duration such as 30s, 10m or 1h30m.");
            Some(Diagnostic::error("Invalid timeout", detail).at(path))
        };
        self.0.keys().filter_map(wrong).collect()
    }
}

impl fmt::Display for Otherwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => {
                let time = SignedDuration::try_from(*time).unwrap_or(LONGEST);
                write!(f, "Default: `{time:#}`")
            }
            Self::Own(when) => write!(f, "Default: {when}"),
        }
    }
}

fn parse(text: &str) -> Result<Duration, &'static str> {
    let span: Span = text.parse().map_err(|_error| "this is no duration")?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_error| "its length is not fixed")?;
    if duration > LONGEST {
        return Err("it is longer than a year");
    }
    let duration = Duration::try_from(duration).map_err(|_negative| "it is negative")?;
    if duration.is_zero() { Err("it is zero") } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeouts() -> Timeouts {
        Timeouts::none()
            .with(Operation::Create, Duration::from_secs(600))
            .with(Operation::Delete, Duration::from_secs(60))
    }

    fn given(create: &str) -> Value {
        Value::object([(NAME, Value::object([("create", Value::from(create))]))])
    }

    #[test]
    fn what_the_user_gives_wins_over_the_default() {
        assert_eq!(timeouts().of(Operation::Create, &given("1h30m")), Some(Duration::from_secs(5400)));
        assert_eq!(timeouts().of(Operation::Delete, &given("1h30m")), Some(Duration::from_secs(60)));
        assert_eq!(timeouts().of(Operation::Read, &given("1h30m")), None);
        assert_eq!(timeouts().of(Operation::Create, &Value::Null), Some(Duration::from_secs(600)));
    }

    #[test]
    fn where_a_resource_ends_it_by_itself_only_users_bound_it() {
        let own = Timeouts::none().with_own(Operation::Create, "30s and the grace");
        assert_eq!(own.of(Operation::Create, &Value::Null), None);
        assert_eq!(own.of(Operation::Create, &given("5s")), Some(Duration::from_secs(5)));
        let crate::schema::Kind::Nested(_, attributes) = own.attribute().kind else { panic!("not nested") };
        assert!(attributes["create"].description.ends_with("Default: 30s and the grace."));
    }

    #[test]
    fn what_is_no_time_is_refused_at_its_path() {
        for text in ["", "soon", "-5m", "0s", "1000000h", "1mo"] {
            let found = timeouts().validate(&given(text));
            let paths: Vec<String> = found.iter().map(|diagnostic| diagnostic.path.to_string()).collect();
            assert_eq!(paths, ["timeouts.create"], "{text}");
        }
        assert!(timeouts().validate(&given("90s")).is_empty());
        assert!(timeouts().validate(&Value::object([(NAME, Value::Unknown)])).is_empty());
    }

    #[test]
    fn a_state_keeps_the_times_where_there_are_any() {
        let state = Value::object([("name", Value::from("a"))]);
        assert_eq!(timeouts().kept(state.clone(), &state), state, "users cannot give any");
        assert_eq!(Timeouts::none().kept(state.clone(), &given("5s")), state, "it is another attribute of that name");
        assert_eq!(timeouts().kept(Value::Null, &given("5s")), Value::Null, "it is gone");
        assert_eq!(timeouts().kept(state, &given("5s")).get(NAME), given("5s").get(NAME));
    }

    #[test]
    fn the_attribute_tells_the_defaults() {
        let crate::schema::Kind::Nested(_, attributes) = timeouts().attribute().kind else { panic!("not nested") };
        assert_eq!(attributes.keys().collect::<Vec<_>>(), ["create", "delete"]);
        assert!(attributes["create"].description.ends_with("Default: `10m`."));
    }
}
