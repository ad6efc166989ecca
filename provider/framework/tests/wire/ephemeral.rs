//! The life of an ephemeral resource.

use crate::client::{Session, pack, proto, told, unpack};
use serde_json::json;

const TYPE: &str = "trial_secret";

#[tokio::test]
async fn it_is_opened_renewed_and_closed() {
    let mut session = Session::new(&[]).await;
    let config = pack(&json!({"name": "a", "value": null}));
    let request = proto::open_ephemeral_resource::Request { type_name: TYPE.to_owned(), config, ..Default::default() };
    let opened = session.provider.open_ephemeral_resource(request).await.unwrap().into_inner();
    assert_eq!(told(&opened.diagnostics), Vec::<String>::new());
    assert_eq!(unpack(opened.result), json!({"name": "a", "value": "secret of a"}));
    assert_eq!(opened.renew_at.unwrap().seconds, 4_000_000_000);
    assert!(session.file("a.open").exists());

    let request = proto::renew_ephemeral_resource::Request { type_name: TYPE.to_owned(), private: opened.private };
    let renewed = session.provider.renew_ephemeral_resource(request).await.unwrap().into_inner();
    assert_eq!((renewed.renew_at, renewed.private.as_deref()), (None, Some(b"a".as_slice())));

    // Terraform stops first and closes then: closing is not what is stopped.
    session.provider.stop_provider(proto::stop_provider::Request {}).await.unwrap();
    let close = proto::close_ephemeral_resource::Request { type_name: TYPE.to_owned(), private: renewed.private };
    let closed = session.provider.close_ephemeral_resource(close.clone()).await.unwrap().into_inner();
    assert_eq!(told(&closed.diagnostics), Vec::<String>::new());
    assert!(!session.file("a.open").exists());
    let again = session.provider.close_ephemeral_resource(close).await.unwrap().into_inner();
    assert!(told(&again.diagnostics)[0].starts_with("Not closed"));
}

#[tokio::test]
async fn its_configuration_is_checked() {
    let mut session = Session::new(&[]).await;
    let config = pack(&json!({"name": "", "value": null}));
    let request = proto::validate_ephemeral_resource_config::Request { type_name: TYPE.to_owned(), config };
    let answer = session.provider.validate_ephemeral_resource_config(request).await.unwrap().into_inner();
    assert_eq!(told(&answer.diagnostics), ["It has no name: Give it one."]);
    let request = proto::validate_ephemeral_resource_config::Request { type_name: "other".to_owned(), config: None };
    let answer = session.provider.validate_ephemeral_resource_config(request).await.unwrap().into_inner();
    assert!(told(&answer.diagnostics)[0].contains("Unknown ephemeral resource"));
}
