//! Whether the arithmetic of an HCL expression has a result: the library that evaluates it divides by zero and lets numbers
//! overflow. Asked before it evaluates. Pure.

use hcl::eval::{Context, Evaluate};
use hcl::expr::{BinaryOp, BinaryOperator, Expression, ObjectKey, Operation, TemplateExpr, TraversalOperator};
use hcl::template::{Element, Template};

/// Up to here each whole number is a floating-point number as well, and neither form overflows.
const MAGNITUDE_MAX: f64 = 9_007_199_254_740_992.0;

/// Checks every operation within an expression, the innermost first.
///
/// # Errors
/// What has no result.
pub(super) fn check(expression: &Expression) -> Result<(), String> {
    match expression {
        Expression::Array(parts) => parts.iter().try_for_each(check),
        Expression::Object(parts) => parts.iter().try_for_each(|(key, part)| {
            if let ObjectKey::Expression(key) = key {
                check(key)?;
            }
            check(part)
        }),
        Expression::TemplateExpr(template) => check_template(template),
        Expression::Traversal(traversal) => {
            check(&traversal.expr)?;
            traversal.operators.iter().try_for_each(|operator| {
                if let TraversalOperator::Index(index) = operator { check(index) } else { Ok(()) }
            })
        }
        Expression::FuncCall(call) => call.args.iter().try_for_each(check),
        Expression::Parenthesis(inner) => check(inner),
        Expression::Conditional(it) => [&it.cond_expr, &it.true_expr, &it.false_expr].into_iter().try_for_each(check),
        Expression::Operation(operation) => match operation.as_ref() {
            Operation::Unary(unary) => check(&unary.expr),
            Operation::Binary(binary) => check_binary(binary),
        },
        Expression::ForExpr(it) => {
            let parts = [Some(&it.collection_expr), it.key_expr.as_ref(), Some(&it.value_expr), it.cond_expr.as_ref()];
            parts.into_iter().flatten().try_for_each(check)
        }
        Expression::Null
        | Expression::Bool(_)
        | Expression::Number(_)
        | Expression::String(_)
        | Expression::Variable(_) => Ok(()),
        // The library may come to know more, which has to be thought of here.
        _ => Err("a kind of expression that is not known".to_owned()),
    }
}

fn check_template(template: &TemplateExpr) -> Result<(), String> {
    // One that cannot be read is told when it is evaluated.
    let Ok(template) = Template::from_expr(template) else { return Ok(()) };
    template.elements().iter().try_for_each(|element| match element {
        Element::Literal(_) => Ok(()),
        Element::Interpolation(interpolation) => check(&interpolation.expr),
        Element::Directive(_) => Err("a text with directives".to_owned()),
    })
}

fn check_binary(operation: &BinaryOp) -> Result<(), String> {
    check(&operation.lhs_expr)?;
    check(&operation.rhs_expr)?;
    let result: fn(f64, f64) -> f64 = match operation.operator {
        BinaryOperator::Plus => |a, b| a + b,
        BinaryOperator::Minus => |a, b| a - b,
        BinaryOperator::Mul => |a, b| a * b,
        BinaryOperator::Div => |a, b| a / b,
        BinaryOperator::Mod => |a, b| a % b,
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::LessEq
        | BinaryOperator::GreaterEq
        | BinaryOperator::Less
        | BinaryOperator::Greater
        | BinaryOperator::And
        | BinaryOperator::Or => return Ok(()),
    };
    let (left, right) = (number(&operation.lhs_expr)?, number(&operation.rhs_expr)?);
    let result = result(left, right);
    if [left, right, result].iter().all(|number| number.abs() <= MAGNITUDE_MAX) {
        return Ok(());
    }
    Err(format!("{left} {} {right} has no exact result", operation.operator))
}

fn number(expression: &Expression) -> Result<f64, String> {
    let value = expression.evaluate(&Context::new()).map_err(|error| error.to_string())?;
    value.as_number().and_then(hcl::Number::as_f64).ok_or_else(|| format!("{value} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> Expression {
        let body: hcl::Body = hcl::parse(&format!("a = {text}\n")).unwrap();
        body.into_attributes().next().unwrap().expr
    }

    fn checked(text: &str) -> Result<(), String> {
        check(&expression(text))
    }

    #[test]
    fn sums_that_have_a_result_pass() {
        for text in ["900 * 1024 * 1024", "-(7 % 4) / 2", "[{ a = 0.5 - 1 }, true ? 1 : 2]", "\"${1 + 1}\"", "1e300"] {
            assert_eq!(checked(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_remainder_by_zero_and_an_overflow_are_told_at_every_depth() {
        let remainder = "9 % 0 has no exact result";
        for text in [
            "9 % 0 * 1024",
            "[{ a = -(9 % 0) }]",
            "{ (9 % 0) = 1 }",
            "\"x${9 % 0}\"",
            "false ? 9 % 0 : 1",
            "[1][9 % 0]",
        ] {
            assert_eq!(checked(text), Err(remainder.to_owned()), "{text}");
        }
        for text in
            ["1 / 0", "9223372036854775807 * 4", "1e300 * 1e300", "[for x in [0]: 9 % x]", "-9223372036854775807 - 2"]
        {
            assert!(checked(text).is_err(), "{text}");
        }
    }
}
