//! How often the reconciler is asked, counted in front of a real one.

use crate::reconciler::Reconciler;
use crate::terraform::Root;
use serde_json::json;

fn policies(number: usize) -> String {
    format!("resource \"shadow_policy\" \"all\" {{\n  count = {number}\n  name  = \"policy-${{count.index}}\"\n}}\n")
}

#[test]
fn refreshing_a_thousand_policies_is_a_handful_of_requests() {
    let reconciler = Reconciler::start();
    let root = Root::new(&[reconciler.provider(), policies(1000)].concat());
    root.apply();
    let made = reconciler.asked();
    assert_eq!(made.len(), 1000, "one request makes one policy");
    root.is_settled();
    let asked = reconciler.asked();
    assert!(asked.len() <= 10, "{asked:?}");
    assert!(asked.iter().all(|request| request.starts_with("GET /v1/policies")), "{asked:?}");
}

#[test]
fn one_policy_is_one_request_and_nobody_answers_from_yesterday() {
    let reconciler = Reconciler::start();
    let root = Root::new(&[reconciler.provider(), policies(1)].concat());
    root.apply();
    assert_eq!(reconciler.asked(), ["PUT /v1/policies/policy-0"]);
    root.is_settled();
    assert_eq!(reconciler.asked(), ["GET /v1/policies/policy-0"]);

    root.write(&[reconciler.provider(), policies(30)].concat());
    root.apply();
    let (status, _) = reconciler.send("PUT", "/v1/policies/policy-7", &json!({"name": "policy-7", "mode": "full"}));
    assert_eq!(status, 200);
    assert_eq!(reconciler.send("DELETE", "/v1/policies/policy-9", &json!(null)).0, 204);
    let plan = root.plan();
    assert!(plan.text.contains(r#"~ mode = "full" -> "observe""#), "{}", plan.text);
    assert!(plan.text.contains("1 to add, 1 to change, 0 to destroy"), "{}", plan.text);
    root.apply();
    root.is_settled();
    root.destroy();
    assert_eq!(reconciler.send("GET", "/v1/policies", &json!(null)).1["items"], json!([]));
}
