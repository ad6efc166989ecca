//! What keeps a reconciler from starting.

use super::fixture::{Served, config, refusal};
use shadow_reconciler::app::{App, ServeConfig};
use shadow_reconciler::http::Token;
use tokio::sync::watch;

#[tokio::test]
async fn two_reconcilers_do_not_share_a_data_directory() {
    let served = Served::start().await;
    let data = served.app.config.data.clone();
    let folder = tempfile::tempdir().unwrap();
    let error = refusal(ServeConfig { data: data.clone(), ..config(folder.path(), "") });
    let told = format!("another reconciler runs on data directory {}: stop it", data.display());
    assert!(error.starts_with(&told), "{error}");
}

#[tokio::test]
async fn other_hosts_are_served_only_with_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let open = ServeConfig { listen: "0.0.0.0:0".parse().unwrap(), ..config(folder.path(), "") };
    let error = refusal(open.clone());
    assert!(error.contains("--listen 0.0.0.0:0 can be reached by other hosts"), "{error}");
    assert!(error.contains("set SHADOW_TOKEN, or listen on 127.0.0.1"), "{error}");
    assert!(!open.data.exists(), "nothing was made");
    let (_stop, stopping) = watch::channel(false);
    let token = config(folder.path(), "s3cret").token;
    assert!(App::open(ServeConfig { token, ..open }, stopping).is_ok());
}

#[tokio::test]
async fn other_hosts_get_routes_only_with_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let open = ServeConfig { xds_listen: "0.0.0.0:0".parse().unwrap(), ..config(folder.path(), "") };
    let error = refusal(open.clone());
    assert!(error.contains("--xds-listen 0.0.0.0:0 can be reached by other hosts"), "{error}");
    assert!(error.contains("set SHADOW_XDS_TOKEN, or listen on 127.0.0.1"), "{error}");
    let (_stop, stopping) = watch::channel(false);
    assert!(App::open(ServeConfig { xds_token: Token::new("s3cret"), ..open }, stopping).is_ok());
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let settled = config(folder.path(), "");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    // Nobody can make files in the second, not even the superuser.
    for data in [file, "/proc/self/data".into()] {
        let error = refusal(ServeConfig { data: data.clone(), ..settled.clone() });
        assert!(error.starts_with(&format!("data directory {} cannot be made", data.display())), "{error}");
        assert!(error.contains("choose another with --data"), "{error}");
    }
    std::fs::create_dir_all(&settled.data).unwrap();
    let store = settled.data.join("store.sqlite");
    std::fs::write(&store, "garbage ".repeat(1000)).unwrap();
    let error = refusal(settled);
    assert!(error.starts_with(&format!("store {}: it is damaged", store.display())), "{error}");
    assert_eq!(std::fs::read_to_string(&store).unwrap(), "garbage ".repeat(1000));
}
