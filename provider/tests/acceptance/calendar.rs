//! `shadow_calendar` from apply to destroy, at a real reconciler.

use crate::reconciler::Reconciler;
use crate::terraform::Root;
use serde_json::json;

const CALENDAR: &str = r#"
resource "shadow_calendar" "sales" {
  name = "sales"
  events = {
    black_friday = { dates = ["2026-11-27"], time_zone = "Europe/Berlin", factor = 3 }
    payday       = { cron = "0 6 1 * *", duration = "12h", factor = 1.5 }
  }
}
"#;

#[test]
fn a_calendar_lives_from_apply_to_destroy() {
    let reconciler = Reconciler::start();
    let root = Root::new(&[reconciler.provider().as_str(), CALENDAR].concat());
    root.apply();
    root.is_settled();
    root.write(&[reconciler.provider().as_str(), &CALENDAR.replace("1.5", "2")].concat());
    root.apply();
    let (_, stored) = reconciler.send("GET", "/v1/calendars/sales", &json!(null));
    assert_eq!((&stored["spec"]["events"]["payday"]["factor"], &stored["generation"]), (&json!(2.0), &json!(2)));

    let drifted = json!({"name": "sales", "events": {"payday": {"dates": ["2026-01-01"], "factor": 9}}});
    assert_eq!(reconciler.send("PUT", "/v1/calendars/sales", &drifted).0, 200);
    let plan = root.plan();
    assert!(plan.code == 2 && plan.text.contains("0 to add, 1 to change, 0 to destroy"), "{}", plan.text);
    root.apply();
    assert_eq!(root.run(&["state", "rm", "shadow_calendar.sales"]).code, 0);
    assert_eq!(root.run(&["import", "shadow_calendar.sales", "sales"]).code, 0);
    root.is_settled();
    root.destroy();
}

#[test]
fn problems_are_told_deep_in_the_map() {
    let wrong = CALENDAR.replace("0 6 1 * *", "0 6 32 * *").replace("Europe/Berlin", "Berlin");
    let root = Root::new(&["provider \"shadow\" {\n  directory = \"d\"\n}\n", &wrong].concat());
    let run = root.run(&["validate"]);
    assert_eq!(run.code, 1);
    for told in
        [r#"events["payday"].cron: "0 6 32 * *" is not a crontab"#, r#"events["black_friday"].time_zone: "Berlin""#]
    {
        assert!(run.text.contains(told), "{told:?} is not in {}", run.text);
    }
}
