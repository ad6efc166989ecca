//! Names that are safe as Terraform map keys, folder names, metric labels and URL segments.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name accepted: a DNS label, so that a name may become a host name or a tag anywhere.
pub const NAME_LENGTH_MAX: usize = 63;

/// Whether `text` may name a policy, group, process, split or slot: lower-case letters, digits
/// and inner hyphens, at most [`NAME_LENGTH_MAX`] characters, a letter first.
pub fn is_valid(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= NAME_LENGTH_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(allowed)
}

/// The sentence to show when [`is_valid`] says no.
pub const RULE: &str =
    "use 1 to 63 lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen";

/// A name that is not of the form that [`RULE`] states.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a valid name: {RULE}")]
pub struct InvalidName(String);

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks the form of a name.
            ///
            /// # Errors
            /// [`InvalidName`] when the text is not a valid name.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                Self::try_from(text.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                if is_valid(&text) { Ok(Self(text)) } else { Err(InvalidName(text)) }
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a `shadow_group`.
    GroupName
);
name!(
    /// The stable key of an instance within its group: `a`, `b`, `c` … Roles move, slots do not.
    SlotId
);

impl SlotId {
    /// The first free slot in the order `a` … `z`, then `s26`, `s27` …, given the slots in use.
    pub fn next_after<'a>(used: impl IntoIterator<Item = &'a Self>) -> Self {
        let last = used.into_iter().filter_map(Self::ordinal).max();
        Self::from_ordinal(last.map_or(0, |n| n + 1))
    }

    fn from_ordinal(n: u32) -> Self {
        match u8::try_from(n) {
            Ok(n @ 0..=25) => Self(char::from(b'a' + n).to_string()),
            _ => Self(format!("s{n}")),
        }
    }

    fn ordinal(&self) -> Option<u32> {
        match self.0.as_bytes() {
            [letter] => Some(u32::from(letter - b'a')),
            _ => self.0.strip_prefix('s')?.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_never_reused() {
        let slot = |s: &str| SlotId::new(s).unwrap();
        assert_eq!(SlotId::next_after([]), slot("a"));
        assert_eq!(SlotId::next_after([&slot("a"), &slot("c")]), slot("d"));
        assert_eq!(SlotId::next_after([&slot("z")]), slot("s26"));
        assert_eq!(SlotId::next_after([&slot("s26"), &slot("b")]), slot("s27"));
    }

    #[test]
    fn names_have_one_form() {
        for good in ["a", "checkout-eu-1"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in ["", "A", "1a", "a-", "a_b", "a/../b", &"x".repeat(64)] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
