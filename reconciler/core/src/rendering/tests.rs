//! The generated text, as golden files and as properties.

use super::*;
use proptest::prelude::*;

fn desired() -> DesiredState {
    serde_json::from_value(json!({
        "group": "checkout",
        "epoch": 7,
        "capacity": {
            "module": {
                "source": "acme/instance/cloud",
                "version": "~> 1.2",
            },
            "slots": {
                "b": {
                    "generation": 3, "role": "shadow", "state": "running",
                    "size": {"cpu_cores": 2.0, "memory_gib": 0.5},
                    "placement": {"zone": "eu-1b"},
                    "sync": {
                        "method": "pull", "source_slot": "a",
                        "source_endpoint": {"address": "10.0.0.1", "port": 8080}, "interval": "60s",
                    },
                    "params": {"zeta": 1, "command": ["/bin/checkout", "--flag"], "alpha": {"y": true, "x": null}},
                    "epoch": 7,
                },
            },
        },
        "traffic": {
            "module": {"source": "/modules/traffic"},
            "backends": {
                "b": {"address": "10.0.0.2", "port": 8080, "weight": 10},
                "a": {"address": "10.0.0.1", "port": 8080, "weight": 90, "state": "active"},
            },
            "writer": "a",
            "mirror": {"from": "a", "to": "b", "percent": 5.0},
        },
    }))
    .unwrap()
}

#[test]
fn capacity_root() {
    let rendering = render_capacity(&desired());
    insta::assert_snapshot!("capacity_main", rendering.files[MAIN_FILE]);
    insta::assert_snapshot!("capacity_variables", rendering.files[VARIABLES_FILE]);
}

#[test]
fn traffic_root() {
    let rendering = render_traffic(&desired());
    insta::assert_snapshot!("traffic_main", rendering.files[MAIN_FILE]);
    insta::assert_snapshot!("traffic_variables", rendering.files[VARIABLES_FILE]);
}

#[test]
fn main_tf_is_the_same_for_other_slots_sizes_and_weights() {
    let before = desired();
    let mut after = desired();
    after.epoch = 8;
    after.capacity.module.params = json!({"for": "the next slot"});
    after.capacity.slots.clear();
    after.traffic.backends.clear();
    after.traffic.mirror = None;
    for render in [render_capacity, render_traffic] {
        assert_eq!(render(&before).files[MAIN_FILE], render(&after).files[MAIN_FILE]);
        assert_ne!(render(&before).digest, render(&after).digest);
    }
}

#[test]
fn order_of_parameters_does_not_change_a_byte() {
    let mut other = desired();
    for slot in other.capacity.slots.values_mut() {
        slot.params = json!({"alpha": {"x": null, "y": true}, "command": ["/bin/checkout", "--flag"], "zeta": 1});
    }
    assert_eq!(render_capacity(&desired()), render_capacity(&other));
}

#[test]
fn absent_parameters_are_an_empty_object() {
    let variables: Value = serde_json::from_str(&render_traffic(&desired()).files[VARIABLES_FILE]).unwrap();
    assert_eq!(variables["params"], json!({}));
}

#[test]
fn the_digest_tells_names_and_texts_apart() {
    let digest = |name: &str, text: &str| files_digest(&BTreeMap::from([(name.to_owned(), text.to_owned())]));
    assert_ne!(digest("ab", "c"), digest("a", "bc"));
    assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/// The module block's attribute as Terraform would read it, and the number of blocks in the file.
fn read_back(main: &str, attribute: &str) -> (Option<String>, usize) {
    let body: hcl::Body = hcl::parse(main).unwrap();
    let block = body.blocks().find(|block| block.identifier() == "module").unwrap();
    let found = block.body().attributes().find(|found| found.key() == attribute).map(|found| found.expr().clone());
    let text = found.map(|expression| {
        let hcl::Expression::String(text) = expression else { panic!("{attribute} is not a literal: {expression}") };
        text
    });
    (text, body.blocks().count())
}

#[test]
fn a_source_cannot_break_out_of_its_quotes() {
    for source in [
        "x\"\n}\nresource \"null_resource\" \"pwned\" {}\nmodule \"y\" {\n  source = \"z",
        "${file(\"/etc/passwd\")}",
        "%{ if true }x%{ endif }",
        "$${already}",
        "${a}%${file(\"/etc/passwd\")}",
        "%{a}$%{ if true }x%%{ endif }",
        "back\\slash",
    ] {
        let mut desired = desired();
        let blocks = read_back(&render_capacity(&desired).files[MAIN_FILE], "source").1;
        desired.capacity.module.source = source.to_owned();
        desired.capacity.module.version = Some(source.to_owned());
        let main = render_capacity(&desired).files[MAIN_FILE].clone();
        assert_eq!(read_back(&main, "source"), (Some(source.to_owned()), blocks), "{main}");
        assert_eq!(read_back(&main, "version"), (Some(source.to_owned()), blocks), "{main}");
    }
}

proptest! {
    #[test]
    fn any_source_is_read_back_as_it_was_written(source in "[ -~\n\t]{1,40}") {
        let mut desired = desired();
        desired.traffic.module.source = source.clone();
        let main = render_traffic(&desired).files[MAIN_FILE].clone();
        prop_assert_eq!(read_back(&main, "source").0, Some(source));
    }
}
