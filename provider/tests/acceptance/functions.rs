//! The functions in expressions of the real terraform.

use crate::terraform::{Root, json};
use serde_json::json;

#[test]
fn functions_compute_what_the_reconciler_would() {
    let root = Root::new(
        "output \"criteria\" {\n  value = provider::shadow::parse_criteria(\"cpu > 90 % for 5m\")\n}\n\
         output \"size\" {\n  value = provider::shadow::size_for_forecast(10, 14, 20, { max = 15 })\n}\n\
         output \"weights\" {\n  value = provider::shadow::route_weights(\"a\", \"b\", 25, \"c\")\n}\n",
    );
    root.apply();
    let outputs = &json(&root.path("terraform.tfstate"))["outputs"];
    let criteria = json!({"signal": "cpu", "comparison": ">", "value": 90, "unit": "percent", "duration_seconds": 300});
    assert_eq!(outputs["criteria"]["value"], criteria);
    assert_eq!(outputs["size"]["value"], json!(15));
    assert_eq!(outputs["weights"]["value"], json!({"a": 75, "b": 25, "c": 0}));
    root.is_settled();
}

#[test]
fn a_wrong_argument_is_named() {
    let root = Root::new("output \"criteria\" {\n  value = provider::shadow::parse_criteria(\"cpu is high\")\n}\n");
    let told = root.plan().text;
    assert!(told.contains(r#"Invalid value for "text" parameter"#) && told.contains("write >"), "{told}");
}
