//! PromQL around a user's query, such that old samples do not pass for fresh ones and a step has the mean of what was
//! measured in it. Pure text; the query itself is never changed.

use jiff::SignedDuration;

/// The query such that a plain selector finds only samples of the last `lookback`. The plain half of it keeps
/// what Prometheus knows of ended series; `last_over_time` alone would not.
pub(super) fn fresh(query: &str, lookback: SignedDuration) -> String {
    let query = query.trim();
    if is_selector(query) {
        format!("{query} and last_over_time({query}[{}ms])", lookback.as_millis().max(1))
    } else {
        query.to_owned()
    }
}

/// Whether a query is `name`, `name{…}` or `{…}` and nothing else. When in doubt it is not.
fn is_selector(query: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let labels = query.trim_start_matches(is_name).trim_start();
    let name = query.split(|c| !is_name(c)).next().unwrap_or_default();
    let is_number =
        name.starts_with(|c: char| c.is_ascii_digit()) || ["nan", "inf"].contains(&name.to_lowercase().as_str());
    let plain_labels = labels.starts_with('{') && ends_at_end(labels);
    !is_number && (plain_labels || (labels.is_empty() && !name.is_empty()))
}

/// Whether the brace that opens `labels` is closed by its last character. Braces and quotes inside quoted
/// values do not count.
fn ends_at_end(labels: &str) -> bool {
    let (mut quote, mut escaped) = (None, false);
    for (position, c) in labels.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(open) if c == '\\' && open != '`' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c == '}' => return position + 1 == labels.len(),
            None => {}
        }
    }
    false
}

/// The mean over a step that ends when it is evaluated: of the samples as they were scraped where the query is a plain
/// selector, else of its values every `resolution`. The line break ends a comment at the end of the query.
pub(super) fn mean(query: &str, step: SignedDuration, resolution: SignedDuration) -> String {
    let (query, step, resolution) = (query.trim(), step.as_millis().max(1), resolution.as_millis().max(1));
    if is_selector(query) {
        format!("avg_over_time({query}[{step}ms])")
    } else {
        format!("avg_over_time(({query}\n)[{step}ms:{resolution}ms])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_selectors_are_told_from_expressions() {
        for selector in ["x", "a:b_c", "x{}", r#"x{a="}",b!~'\'}'}"#, "{__name__=\"x\"}", "x {a=`\\`}"] {
            assert!(is_selector(selector), "{selector}");
        }
        for expression in [
            "",
            "1",
            "NaN",
            "inf",
            "sum(x)",
            "x + y",
            "x{} > 1",
            "x[5m]",
            "x offset 1m",
            "x{a=\"b\"} or y{}",
            "x{a=\"}",
            "-x",
        ] {
            assert!(!is_selector(expression), "{expression}");
        }
        let three_seconds = SignedDuration::from_secs(3);
        assert_eq!(fresh(" x{} ", three_seconds), "x{} and last_over_time(x{}[3000ms])");
        assert_eq!(fresh("sum(x)", three_seconds), "sum(x)");
    }

    #[test]
    fn means_are_taken_of_what_was_scraped_where_that_can_be() {
        let (step, resolution) = (SignedDuration::from_mins(5), SignedDuration::from_secs(15));
        assert_eq!(mean(" x{a=\"b\"} ", step, resolution), "avg_over_time(x{a=\"b\"}[300000ms])");
        assert_eq!(
            mean("sum(rate(x[1m])) # all", step, resolution),
            "avg_over_time((sum(rate(x[1m])) # all\n)[300000ms:15000ms])"
        );
    }
}
