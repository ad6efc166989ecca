//! Calls of functions, which need no configuration.

use crate::client::{Session, UNKNOWN, pack, proto, unpack};
use serde_json::{Value as Json, json};

async fn call(session: &mut Session, name: &str, arguments: &[Json]) -> Result<Json, (String, Option<i64>)> {
    let arguments = arguments.iter().filter_map(pack).collect();
    let request = proto::call_function::Request { name: name.to_owned(), arguments };
    let answer = session.provider.call_function(request).await.unwrap().into_inner();
    match answer.error {
        None => Ok(unpack(answer.result)),
        Some(error) => Err((error.text, error.function_argument)),
    }
}

#[tokio::test]
async fn arguments_come_in_any_number() {
    let mut session = Session::new(&[]).await;
    let joined = |text: &str| Ok(json!(text));
    assert_eq!(call(&mut session, "join", &[json!("-"), json!("a"), json!("b")]).await, joined("a-b"));
    assert_eq!(call(&mut session, "join", &[json!("-")]).await, joined(""));
    assert_eq!(call(&mut session, "join", &[json!(null), json!("a"), json!("b")]).await, joined("ab"));
}

#[tokio::test]
async fn an_error_names_its_argument() {
    let mut session = Session::new(&[]).await;
    let mut at = async |arguments: &[Json]| call(&mut session, "join", arguments).await.unwrap_err().1;
    assert_eq!(at(&[json!("-"), json!("a"), json!("")]).await, Some(2));
    assert_eq!(at(&[json!("-"), json!(null)]).await, Some(1));
    assert_eq!(at(&[json!("-"), json!([1])]).await, Some(1));
    assert_eq!(at(&[]).await, None);
    let (text, argument) = call(&mut session, "describe", &[json!(null), json!(null)]).await.unwrap_err();
    assert_eq!(argument, Some(1), "{text}");
}

#[tokio::test]
async fn null_and_unknown_reach_those_who_want_them() {
    let mut session = Session::new(&[]).await;
    assert_eq!(call(&mut session, "describe", &[json!(null)]).await, Ok(json!("null")));
    assert_eq!(call(&mut session, "describe", &[json!(UNKNOWN)]).await, Ok(json!("unknown")));
    assert_eq!(call(&mut session, "join", &[json!("-"), json!(UNKNOWN)]).await, Ok(json!(UNKNOWN)));
}

#[tokio::test]
async fn an_unknown_function_and_a_panic_are_errors() {
    let mut session = Session::new(&[]).await;
    assert!(call(&mut session, "sing", &[]).await.unwrap_err().0.contains("Unknown function"));
    let told = call(&mut session, "join", &[json!("-"), json!("panic")]).await.unwrap_err().0;
    assert!(told.contains("bug"), "{told}");
    assert_eq!(call(&mut session, "join", &[json!("-"), json!("a")]).await, Ok(json!("a")), "the process lives on");
}
