//! Numbers as people read them: three digits and a thousands' letter.

/// `0.0123`, `61.5`, `940M`, `1.2e-7`.
pub(crate) fn significant(number: f64) -> String {
    const THOUSANDS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let size = number.abs();
    if size >= 1e15 || (size > 0.0 && size < 1e-3) {
        return format!("{number:.1e}");
    }
    // Below ten thousand the plain number is as short as the one with a letter.
    let letter = THOUSANDS.into_iter().find(|(thousand, _)| size >= *thousand && size >= 1e4);
    let (unit, letter) = letter.unwrap_or((1.0, ""));
    let number = number / unit;
    let decimals = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        0.01.. => 4,
        _ => 5,
    };
    let digits = format!("{number:.decimals$}");
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
    format!("{digits}{letter}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_kept() {
        let check = |number: f64, expected: &str| assert_eq!(significant(number), expected);
        check(0.0, "0");
        check(0.012_345, "0.0123");
        check(-0.5, "-0.5");
        check(1.0, "1");
        check(61.46, "61.5");
        check(1234.4, "1234");
        check(12_345.0, "12.3k");
        check(939_524_096.0, "940M");
        check(-2.5e12, "-2.5T");
        check(1.2e-7, "1.2e-7");
        check(1e15, "1.0e15");
    }
}
