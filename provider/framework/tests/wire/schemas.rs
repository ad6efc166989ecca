//! What a provider says of itself.

use crate::client::{Session, pack, proto, told};
use http::Uri;
use http::uri::PathAndQuery;
use serde_json::json;

#[tokio::test]
async fn metadata_and_schemas_name_the_same_things() {
    let mut session = Session::new(&[]).await;
    let metadata = session.provider.get_metadata(proto::get_metadata::Request {}).await.unwrap().into_inner();
    let schema = session.provider.get_provider_schema(proto::get_provider_schema::Request {}).await;
    let schema = schema.unwrap().into_inner();
    assert_eq!(metadata.server_capabilities, schema.server_capabilities);
    let capabilities = schema.server_capabilities.unwrap();
    assert!(capabilities.plan_destroy && capabilities.get_provider_schema_optional && capabilities.move_resource_state);
    assert!(capabilities.generate_resource_config);
    assert_eq!(metadata.resources[0].type_name, "trial_thing");
    assert_eq!(metadata.data_sources[0].type_name, "trial_names");
    assert_eq!(metadata.ephemeral_resources[0].type_name, "trial_secret");
    assert_eq!(metadata.list_resources[0].type_name, "trial_thing");
    assert_eq!(metadata.actions[0].type_name, "trial_touch");
    let functions: Vec<_> = metadata.functions.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(functions, ["describe", "join"]);
    assert!(schema.resource_schemas.contains_key("trial_thing"));
    assert!(schema.data_source_schemas.contains_key("trial_names"));
    assert!(schema.ephemeral_resource_schemas.contains_key("trial_secret"));
    assert!(schema.list_resource_schemas.contains_key("trial_thing"));
    let request = proto::get_functions::Request {};
    assert_eq!(session.provider.get_functions(request).await.unwrap().into_inner().functions, schema.functions);
}

#[tokio::test]
async fn a_schema_carries_what_attributes_are() {
    let mut session = Session::new(&[]).await;
    let schema = session.provider.get_provider_schema(proto::get_provider_schema::Request {}).await;
    let thing = schema.unwrap().into_inner().resource_schemas.remove("trial_thing").unwrap();
    assert_eq!(thing.version, 1);
    let attributes = thing.block.unwrap().attributes;
    let attribute = |name: &str| attributes.iter().find(|it| it.name == name).unwrap();
    assert!(attribute("secret_wo").write_only && attribute("secret_wo").optional);
    assert!(attribute("name").required && attribute("id").computed);
    assert_eq!(attribute("size").r#type, br#""number""#);
    let timeouts = attribute("timeouts").nested_type.as_ref().unwrap();
    assert_eq!(timeouts.attributes[0].name, "create");
}

#[tokio::test]
async fn an_identity_has_a_schema() {
    let mut session = Session::new(&[]).await;
    let request = proto::get_resource_identity_schemas::Request {};
    let answer = session.provider.get_resource_identity_schemas(request).await.unwrap().into_inner();
    let identity = &answer.identity_schemas["trial_thing"];
    assert_eq!((identity.version, identity.identity_attributes.len()), (1, 1));
    assert!(identity.identity_attributes[0].required_for_import);
}

#[tokio::test]
async fn the_settings_are_checked() {
    let mut session = Session::new(&[]).await;
    let request = proto::validate_provider_config::Request { config: pack(&json!({"folder": "x", "token": null})) };
    let answer = session.provider.validate_provider_config(request).await.unwrap().into_inner();
    assert_eq!(told(&answer.diagnostics), Vec::<String>::new());
    let request = proto::validate_provider_config::Request { config: pack(&json!({"folder": 7, "token": [1]})) };
    let answer = session.provider.validate_provider_config(request).await.unwrap().into_inner();
    assert!(told(&answer.diagnostics)[0].contains("expected"), "{:?}", answer.diagnostics);
}

#[tokio::test]
async fn what_is_not_served_is_unimplemented() {
    let session = Session::new(&[]).await;
    let mut wire = tonic::client::Grpc::with_origin(session.wire.clone(), Uri::from_static("http://localhost"));
    wire.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<proto::get_metadata::Request, proto::get_metadata::Response>::default();
    let path = PathAndQuery::from_static("/tfplugin6.Provider/GetStates");
    let refused = wire.unary(tonic::Request::new(proto::get_metadata::Request {}), path, codec).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unimplemented);
}
