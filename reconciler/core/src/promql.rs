//! Whether a text is PromQL that can be measured by. Never asks a Prometheus, and so never says
//! whether a metric exists.

use promql_parser::parser::value::ValueType;
use promql_parser::parser::{Expr, parse};

/// Longest query that is read: the parser recurses into what it reads.
const LENGTH_MAX: usize = 8192;

/// Checks a query with `$instance`, `$slot` and `$group` in it.
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn check(query: &str) -> Result<(), String> {
    if query.len() > LENGTH_MAX {
        return Err(format!("the query is longer than {LENGTH_MAX} bytes"));
    }
    // Each stands for a name or a part of one.
    let concrete = ["$instance", "$slot", "$group"].iter().fold(query.to_owned(), |text, it| text.replace(it, "x"));
    match parse(&concrete) {
        Ok(expression) => check_type(&expression),
        // A newer Prometheus may know it.
        Err(error) if error.contains("unknown function") => Ok(()),
        Err(error) => Err(format!("it is not PromQL: {}", error.trim())),
    }
}

fn check_type(expression: &Expr) -> Result<(), String> {
    match expression.value_type() {
        ValueType::Vector | ValueType::Scalar => Ok(()),
        ValueType::Matrix => Err("it yields a range of values, not one: use a function such as rate".to_owned()),
        ValueType::String => Err("it yields text, not a number".to_owned()),
    }
}

/// Whether a query that [`check`] accepts is a metric's name with labels, and nothing is done with it.
pub(crate) fn is_selector(query: &str) -> bool {
    let concrete = ["$instance", "$slot", "$group"].iter().fold(query.to_owned(), |text, it| text.replace(it, "x"));
    query.len() <= LENGTH_MAX
        && matches!(parse(&concrete), Ok(Expr::VectorSelector(selector)) if selector.offset.is_none() && selector.at.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_as_people_write_them() {
        for good in [
            r#"up{instance="$instance"}"#,
            r#"histogram_quantile(0.99, sum by (le) (rate(http_request_seconds_bucket{pod=~"$instance.*"}[5m])))"#,
            r#"shadow_process_resident_memory_bytes{process="$instance"} / 1024"#,
            r#"max_over_time(node_load1{group="$group",slot="$slot"}[1h:5m] offset 1d)"#,
            r#"a_function_of_next_year(up{instance="$instance"})"#,
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_is_no_query_is_told() {
        for bad in ["", "up{", "rate(up)", "sum by (", r#"up{instance="$instance"}[5m]"#, r#""text""#, "up ++"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&"(".repeat(LENGTH_MAX)).is_err(), "it must not exhaust the stack");
        assert!(check(&"(".repeat(LENGTH_MAX + 1)).is_err());
    }

    #[test]
    fn selectors_are_told_from_expressions() {
        for selector in ["requests_total{instance=\"$instance\"}", " up ", "{job=\"a\"}"] {
            assert!(is_selector(selector), "{selector}");
        }
        for other in ["rate(x[5m])", "x offset 5m", "x @ 10", "x[5m]", "x + 1", "-x", "sum(x)", "(", "1"] {
            assert!(!is_selector(other), "{other}");
        }
    }
}
