//! Numbers as Terraform has them: decimal, exact, of any size. Never rounds by itself.

use std::fmt;

/// A decimal number, held as its canonical text: no exponent, no leading or trailing zeros, no
/// negative zero. So two numbers are equal exactly when their texts are.
///
/// The derived order is that of the text; it only serves to put sets into one order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(String);

/// Digits enough for the exact value of every `f64`: the smallest has 1074 of them after the point.
const FRACTION_DIGITS_MAX: usize = 1074;

/// Largest power of ten in a text; that of the largest `f64`, and of the smallest.
const EXPONENT_MAX: usize = 324;

impl Number {
    /// Reads decimal text such as `"-0.5"` or `"1e3"`; `None` when it is not a number.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let exponent: i32 = exponent.parse().ok()?;
        let places = usize::try_from(exponent.unsigned_abs()).ok().filter(|places| *places <= EXPONENT_MAX)?;
        if exponent == 0 {
            return Some(Self::canonical(negative, whole, fraction));
        }
        let (whole, fraction) = shifted(whole, fraction, places, exponent > 0);
        Some(Self::canonical(negative, &whole, &fraction))
    }

    /// The number that a program means by `value`: 0.1 is one tenth. `None` unless it is finite.
    pub fn from_f64(value: f64) -> Option<Self> {
        value.is_finite().then(|| Self::parse(&format!("{value}")))?
    }

    /// The exact value of the bits of `value`: 0.1 is 0.1000000000000000055…. `None` unless it is finite.
    pub fn from_f64_exact(value: f64) -> Option<Self> {
        value.is_finite().then(|| Self::parse(&format!("{value:.FRACTION_DIGITS_MAX$}")))?
    }

    /// The canonical decimal text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number, where it is an integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The number, where it is a non-negative integer that fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The nearest `f64`; infinite beyond its range.
    pub fn as_f64(&self) -> f64 {
        // Canonical text always parses.
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// Whether there is nothing after the point.
    pub fn is_integer(&self) -> bool {
        !self.0.contains('.')
    }

    fn canonical(negative: bool, whole: &str, fraction: &str) -> Self {
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            digits => digits,
        };
        let fraction = fraction.trim_end_matches('0');
        let sign = if negative && (whole != "0" || !fraction.is_empty()) { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        Self(format!("{sign}{whole}{point}{fraction}"))
    }
}

/// Digits before and after the point, once it has moved by so many places.
fn shifted(whole: &str, fraction: &str, places: usize, to_the_right: bool) -> (String, String) {
    let zeros = "0".repeat(places);
    let (digits, point) = if to_the_right {
        (format!("{whole}{fraction}{zeros}"), whole.len() + places)
    } else {
        (format!("{zeros}{whole}{fraction}"), whole.len())
    };
    // All of them are ASCII, and the point is within them.
    let (whole, fraction) = digits.split_at(point);
    (whole.to_owned(), fraction.to_owned())
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(value.to_string())
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self(value.to_string())
    }
}

impl From<u32> for Number {
    fn from(value: u32) -> Self {
        Self(value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_one_form() {
        let check = |text: &str, canonical: &str| {
            assert_eq!(Number::parse(text).map(|n| n.to_string()).as_deref(), Some(canonical), "{text}");
        };
        check("0", "0");
        check("-0.000", "0");
        check("007.500", "7.5");
        check("+1e3", "1000");
        check("-2.5e-1", "-0.25");
        check("1234567890123456789.25E+3", "1234567890123456789250");
        check("5e-324", &format!("0.{}5", "0".repeat(323)));
        check("123456789012345678901234567890.000000001", "123456789012345678901234567890.000000001");
        for bad in ["", ".", "-", "1.2.3", "0x1", "NaN", "inf", "1e999", "--1", "1 "] {
            assert_eq!(Number::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_float_is_what_its_author_meant_unless_asked_for_its_bits() {
        assert_eq!(Number::from_f64(0.1).unwrap().as_str(), "0.1");
        assert_eq!(
            Number::from_f64_exact(0.1).unwrap().as_str(),
            "0.1000000000000000055511151231257827021181583404541015625"
        );
        assert_eq!(Number::from_f64(1e21).unwrap().as_str(), "1000000000000000000000");
        assert_eq!(Number::from_f64(f64::INFINITY), None);
    }

    proptest::proptest! {
        #[test]
        fn floats_survive(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO) {
            let back = |number: Option<Number>| number.map(|n| n.as_f64());
            proptest::prop_assert_eq!(back(Number::from_f64(value)), Some(value));
            proptest::prop_assert_eq!(back(Number::from_f64_exact(value)), Some(value));
        }
    }
}
