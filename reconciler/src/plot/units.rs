//! Values with their units as people read them.

/// How values of one unit and size are shown: divided by `divisor`, with `suffix`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// By which a value is divided.
    pub divisor: f64,
    /// What follows the number; may be empty.
    pub suffix: &'static str,
}

const fn scale(divisor: f64, suffix: &'static str) -> Scale {
    Scale { divisor, suffix }
}

/// From large to small: the first whose divisor is not above the value is used.
const BYTES: [Scale; 5] = [
    scale(1_099_511_627_776.0, "TiB"),
    scale(1_073_741_824.0, "GiB"),
    scale(1_048_576.0, "MiB"),
    scale(1_024.0, "KiB"),
    scale(1.0, "B"),
];
const SECONDS: [Scale; 6] = [
    scale(86_400.0, "d"),
    scale(3_600.0, "h"),
    scale(60.0, "min"),
    scale(1.0, "s"),
    scale(1e-3, "ms"),
    scale(1e-6, "µs"),
];
const COUNTS: [Scale; 5] = [scale(1e12, "T"), scale(1e9, "G"), scale(1e6, "M"), scale(1e4, "k"), scale(1.0, "")];
const RATES: [Scale; 4] = [scale(1e9, "G/s"), scale(1e6, "M/s"), scale(1e4, "k/s"), scale(1.0, "/s")];

/// How values up to `largest` in `unit` are shown: one scale for a whole axis.
pub fn scale_for(unit: &str, largest: f64) -> Scale {
    let fitting = |scales: &[Scale]| {
        let fits = scales.iter().find(|scale| scale.divisor <= largest.abs());
        // Thousands begin at ten thousand: below that the plain number is as short.
        let found = fits.or(scales.last()).copied().unwrap_or(scale(1.0, ""));
        if found.suffix.starts_with('k') { Scale { divisor: 1e3, ..found } } else { found }
    };
    match unit {
        "bytes" => fitting(&BYTES),
        "seconds" if largest.abs() <= 0.0 => scale(1.0, "s"),
        "seconds" => fitting(&SECONDS),
        "ratio" => scale(0.01, "%"),
        "percent" => scale(1.0, "%"),
        "celsius" => scale(1.0, "°C"),
        "cores" => scale(1.0, "cores"),
        "per_second" => fitting(&RATES),
        _ => fitting(&COUNTS),
    }
}

/// A value as in `812 MiB`, `250 ms`, `61.5 %`: three digits, and the unit.
pub fn quantity(unit: &str, value: f64) -> String {
    let Scale { divisor, suffix } = scale_for(unit, value);
    let number = digits(value / divisor);
    if suffix.is_empty() { number } else { format!("{number} {suffix}") }
}

/// Three digits, without zeros at the end.
fn digits(number: f64) -> String {
    let size = number.abs();
    if size >= 1e6 || (size > 0.0 && size < 1e-3) {
        return format!("{number:.2e}");
    }
    let decimals = match size {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        _ => 5,
    };
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A duration in seconds, as in `25 min`, `1.5 h`.
pub fn lead(seconds: f64) -> String {
    quantity("seconds", seconds.round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_in_the_unit_that_suits_them() {
        let check = |unit: &str, value: f64, expected: &str| assert_eq!(quantity(unit, value), expected);
        check("bytes", 940e6, "896 MiB");
        check("bytes", 0.0, "0 B");
        check("bytes", -3.0 * 1024.0, "-3 KiB");
        check("seconds", 0.25, "250 ms");
        check("seconds", 0.0, "0 s");
        check("seconds", 90.0, "1.5 min");
        check("seconds", 5_400.0, "1.5 h");
        check("ratio", 0.615, "61.5 %");
        check("percent", 99.95, "100 %");
        check("count", 9_999.0, "9999");
        check("count", 12_345.0, "12.3 k");
        check("count", 0.000_012, "1.20e-5");
        check("per_second", 15.0, "15 /s");
        check("cores", 2.5, "2.5 cores");
        check("celsius", 71.25, "71.2 °C");
    }
}
