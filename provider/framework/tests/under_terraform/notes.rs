//! The example that newcomers read does what it says.

use crate::root::Root;

#[test]
fn notes_are_written_changed_imported_and_removed() {
    let note =
        "resource \"notes_note\" \"milk\" {\n  title = \"milk\"\n  text = provider::notes::shout(\"buy some\")\n}\n";
    let root = Root::new(note);
    root.apply();
    root.is_settled();
    assert_eq!(std::fs::read_to_string(root.path("notes/milk.txt")).unwrap(), "BUY SOME");
    root.write(&note.replace("buy some", "buy more"));
    assert!(root.apply().contains("0 added, 1 changed, 0 destroyed"));
    assert_eq!(root.instance("milk")["attributes"]["length"], 8);

    root.succeeds(&["state", "rm", "notes_note.milk"]);
    assert!(root.apply_fails().contains("There is such a note already"));
    root.succeeds(&["import", "notes_note.milk", "milk"]);
    root.is_settled();
    let refused = root.run(&["import", "notes_note.milk", "../milk"]);
    assert!(refused.code == 1, "{}", refused.text);

    root.write(&note.replace("title = \"milk\"", "title = \"no/slashes\""));
    assert!(root.plan().text.contains("Use letters and digits only"));
    root.write("");
    root.apply();
    assert!(!root.path("notes/milk.txt").exists());
}
