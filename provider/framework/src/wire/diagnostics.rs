//! Diagnostics, paths, errors of functions and deferrals as messages.

use crate::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::function::FunctionError;
use crate::path::{Path, Step};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::attribute_path::step::Selector;
use crate::resource::Deferral;

pub(crate) fn diagnostics(diagnostics: &Diagnostics) -> Vec<proto::Diagnostic> {
    diagnostics.iter().map(diagnostic).collect()
}

fn diagnostic(diagnostic: &Diagnostic) -> proto::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => proto::diagnostic::Severity::Error,
        Severity::Warning => proto::diagnostic::Severity::Warning,
    };
    proto::Diagnostic {
        severity: severity.into(),
        summary: diagnostic.summary.clone(),
        detail: detail(diagnostic),
        attribute: (!diagnostic.path.steps().is_empty()).then(|| path(&diagnostic.path)),
    }
}

/// Terraform before 1.12 does not show which part of a nested attribute is meant, so the text does.
fn detail(diagnostic: &Diagnostic) -> String {
    let Diagnostic { summary, detail, path, .. } = diagnostic;
    let shown = path.to_string();
    let told = path.steps().len() < 2 || summary.contains(&shown) || detail.contains(&shown);
    if told { detail.clone() } else { format!("{detail}\n\nAttribute: {shown}") }
}

/// A path as far as the wire can tell: it has no word for an element of a set.
pub(crate) fn path(path: &Path) -> proto::AttributePath {
    let steps = path.steps().iter().map_while(selector);
    let steps = steps.map(|selector| proto::attribute_path::Step { selector: Some(selector) });
    proto::AttributePath { steps: steps.collect() }
}

fn selector(step: &Step) -> Option<Selector> {
    Some(match step {
        Step::Attribute(name) => Selector::AttributeName(name.clone()),
        Step::Key(key) => Selector::ElementKeyString(key.clone()),
        // A list longer than i64 cannot exist.
        Step::Index(index) => Selector::ElementKeyInt(i64::try_from(*index).unwrap_or(i64::MAX)),
        Step::Element => return None,
    })
}

pub(crate) fn function_error(error: &FunctionError) -> proto::FunctionError {
    let function_argument = error.argument.and_then(|index| i64::try_from(index).ok());
    proto::FunctionError { text: error.text.clone(), function_argument }
}

pub(crate) fn deferred(deferral: Deferral) -> proto::Deferred {
    let reason = match deferral {
        Deferral::ConfigUnknown => proto::deferred::Reason::ResourceConfigUnknown,
        Deferral::ProviderConfigUnknown => proto::deferred::Reason::ProviderConfigUnknown,
        Deferral::PrerequisiteAbsent => proto::deferred::Reason::AbsentPrereq,
    };
    proto::Deferred { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_at_a_set() {
        let steps = |text: &str| path(&text.parse().unwrap()).steps.len();
        assert_eq!((steps("a.b[0]"), steps("tags[*].name")), (3, 1));
    }

    #[test]
    fn a_nested_attribute_is_named_in_the_text() {
        let shown = |path: &str| detail(&Diagnostic::error("Wrong", "Mend it.").at(path.parse().unwrap()));
        assert_eq!(shown("mode"), "Mend it.");
        assert_eq!(shown("shift.steps[1]"), "Mend it.\n\nAttribute: shift.steps[1]");
    }
}
