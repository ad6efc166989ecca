//! Text that is handed over and never shown: not in a log, not in an error, not in an answer.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A secret. Whoever prints it for people prints stars; only [`Secret::reveal`] and a document that is
/// sent or stored on purpose have the text.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The text of somebody else with stars in the place of this secret.
    pub fn mask_in(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "***") }
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The usual error would quote the value.
        let text = String::deserialize(deserializer).map_err(|_quotes_it| serde::de::Error::custom("it is no text"));
        text.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_on_purpose_only() {
        let secret: Secret = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(format!("{:?}", Some(&secret)), "Some(***)");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"hunter2\"");
        assert_eq!(secret.mask_in("the password hunter2 is wrong"), "the password *** is wrong");
        assert_eq!(Secret::from("").mask_in("nothing"), "nothing");
    }

    #[test]
    fn an_error_does_not_quote_it() {
        let error = serde_json::from_str::<Secret>("12345").unwrap_err();
        assert!(!error.to_string().contains("12345"), "{error}");
    }
}
