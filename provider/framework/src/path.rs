//! Paths to parts of a value, written as in `shift.steps[2]`, `signals["latency"].unit` or `tags[*]`.

use std::fmt;
use std::str::FromStr;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// An attribute of an object.
    Attribute(String),
    /// An element of a map.
    Key(String),
    /// An element of a list.
    Index(usize),
    /// Some element of a set: they have no names.
    Element,
}

/// Steps from the top of a resource's configuration; none means the whole of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(Vec<Step>);

impl Path {
    /// The whole value.
    pub fn root() -> Self {
        Self::default()
    }

    /// An attribute at the top.
    pub fn attribute(name: &str) -> Self {
        Self::root().join(Step::Attribute(name.to_owned()))
    }

    /// This path with one more step.
    #[must_use]
    pub fn join(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The steps from the top.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether this is `other` or a part of it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Runs `action` one attribute deeper.
    pub fn within_attribute<T>(&mut self, name: &str, action: impl FnOnce(&mut Self) -> T) -> T {
        self.within(Step::Attribute(name.to_owned()), action)
    }

    /// Runs `action` one map element deeper.
    pub fn within_key<T>(&mut self, key: &str, action: impl FnOnce(&mut Self) -> T) -> T {
        self.within(Step::Key(key.to_owned()), action)
    }

    /// Runs `action` one list element deeper.
    pub fn within_index<T>(&mut self, index: usize, action: impl FnOnce(&mut Self) -> T) -> T {
        self.within(Step::Index(index), action)
    }

    /// Runs `action` one set element deeper.
    pub fn within_element<T>(&mut self, action: impl FnOnce(&mut Self) -> T) -> T {
        self.within(Step::Element, action)
    }

    fn within<T>(&mut self, step: Step, action: impl FnOnce(&mut Self) -> T) -> T {
        self.0.push(step);
        let result = action(self);
        self.0.pop();
        result
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if i == 0 => f.write_str(name)?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Element => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

/// Text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an attribute path")]
pub struct InvalidPath(String);

impl FromStr for Path {
    type Err = InvalidPath;

    /// Reads what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (step, after) = next_step(rest).ok_or_else(|| InvalidPath(text.to_owned()))?;
            steps.push(step);
            rest = after.strip_prefix('.').unwrap_or(after);
        }
        Ok(Self(steps))
    }
}

fn next_step(text: &str) -> Option<(Step, &str)> {
    if let Some(quoted) = text.strip_prefix("[\"") {
        let (key, after) = quoted.split_once("\"]")?;
        return Some((Step::Key(key.to_owned()), after));
    }
    if let Some(after) = text.strip_prefix("[*]") {
        return Some((Step::Element, after));
    }
    if let Some(index) = text.strip_prefix('[') {
        let (index, after) = index.split_once(']')?;
        return Some((Step::Index(index.parse().ok()?), after));
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    (!name.is_empty()).then(|| (Step::Attribute(name.to_owned()), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_written() {
        for text in ["name", "shift.steps[2]", r#"signals["a-b"].unit"#, r#"m["a.b"]["c"][0]"#, "tags[*].name", ""] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
        for bad in ["a[", "a[x]", "a..b", ".", r#"a["b"#] {
            assert!(bad.parse::<Path>().is_err(), "{bad}");
        }
    }
}
