//! The command line as a Markdown page, from what clap knows of it; hidden commands are left out. Text only: it never reads
//! the environment.

use clap::builder::{PossibleValue, StyledStr};
use clap::{Arg, ArgAction, Command};

/// What stands above the page, so that nobody edits it.
const GENERATED: &str =
    "<!-- made by `make cli-docs` from the command line itself: edit its options in reconciler/src -->";

/// What clap adds to every command.
const EVERYWHERE: [&str; 2] = ["help", "version"];

/// The page of a program and its commands.
pub fn reference(program: &mut Command) -> String {
    program.build();
    let name = program.get_name().to_owned();
    let shown = |command: &&mut Command| !command.is_hide_set() && command.get_name() != "help";
    let mut page = format!("{GENERATED}\n\n# Command line\n\n{}\n", text(program.get_about()));
    page += &fenced(&format!("{name} COMMAND [OPTIONS]"));
    page += &paragraphs(&text(program.get_after_help()));
    page += "\n| command | does |\n|---|---|\n";
    let mut sections = String::new();
    for command in program.get_subcommands_mut().filter(shown) {
        let (command_name, about) = (command.get_name(), text(command.get_about()));
        page += &format!("| [`{command_name}`](#{name}-{command_name}) | {} |\n", cell(&about));
        sections += &section(&name, command);
    }
    page + &sections
}

fn section(program: &str, command: &mut Command) -> String {
    let usage = command.render_usage().to_string();
    let long = command.get_long_about().or_else(|| command.get_about());
    let heading = format!("\n## {program} {}\n", command.get_name());
    let parts = [
        paragraphs(&text(long)),
        fenced(usage.trim_start_matches("Usage: ")),
        table("argument", command.get_arguments().filter(|arg| arg.is_positional())),
        table("option", command.get_arguments().filter(|arg| !arg.is_positional())),
        paragraphs(&text(command.get_after_help())),
    ];
    heading + &parts.concat()
}

/// A table of what has a row; nothing where nothing has.
fn table<'a>(kind: &str, arguments: impl Iterator<Item = &'a Arg>) -> String {
    let shown = arguments.filter(|arg| !arg.is_hide_set() && !EVERYWHERE.contains(&arg.get_id().as_str()));
    let rows: String = shown.map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    format!("\n| {kind} | default | variable | meaning |\n|---|---|---|---|\n{rows}")
}

fn row(arg: &Arg) -> String {
    let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{}`", cell(text)) };
    let variable = arg.get_env().map(|name| name.to_string_lossy()).unwrap_or_default();
    let meaning = text(arg.get_long_help().or_else(|| arg.get_help())) + &choices(arg);
    format!("| {} | {} | {} | {} |\n", code(&form(arg)), default(arg, code), code(&variable), cell(&meaning))
}

/// As it is typed.
fn form(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let value = if takes_value(arg) { names.join(" ") } else { String::new() };
    match arg.get_long() {
        Some(long) => format!("--{long} {value}").trim_end().to_owned(),
        None => value,
    }
}

fn default(arg: &Arg, code: impl Fn(&str) -> String) -> String {
    if arg.is_required_set() {
        return "required".to_owned();
    }
    let values = arg.get_default_values().iter().map(|value| value.to_string_lossy());
    let values: Vec<_> = values.filter(|_| takes_value(arg) && !arg.is_hide_default_value_set()).collect();
    code(&values.join(" "))
}

/// What may be given, where that is a closed list.
fn choices(arg: &Arg) -> String {
    let values = if takes_value(arg) { arg.get_possible_values() } else { Vec::new() };
    let told = |value: &PossibleValue| format!("`{}` ({})", value.get_name(), text(value.get_help()));
    let told: Vec<String> = values.iter().map(told).collect();
    if told.is_empty() { String::new() } else { format!(": {}", told.join(", ")) }
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// Without colours.
fn text(styled: Option<&StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

fn paragraphs(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\n{text}\n") }
}

fn fenced(text: &str) -> String {
    format!("\n```text\n{text}\n```\n")
}

/// In a table, a bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_its_options_and_a_hidden_one_has_none() {
        let arg = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
        let shown =
            Command::new("show").about("Show it").arg(Arg::new("what").value_name("A|B").required(true)).args([
                arg("port", "PORT").env("PORT").default_value("80").help("Where"),
                arg("token", "TEXT").default_value("").hide_default_value(true),
                arg("kind", "KIND").value_parser([PossibleValue::new("x").help("One")]).required(true).help("Which"),
                arg("fast", "").action(ArgAction::SetTrue),
            ]);
        let hidden = Command::new("inner").hide(true);
        let page = reference(&mut Command::new("tool").version("1").about("A tool").subcommands([shown, hidden]));
        for part in [
            "| [`show`](#tool-show) | Show it |\n",
            "```text\ntool show [OPTIONS] --kind <KIND> <A|B>\n```\n",
            "| `A\\|B` | required |  |  |\n",
            "| `--port PORT` | `80` | `PORT` | Where |\n| `--token TEXT` |  |  |  |\n",
            "| `--kind KIND` | required |  | Which: `x` (One) |\n| `--fast` |  |  |  |\n",
        ] {
            assert!(page.contains(part), "{part:?} is missing in {page}");
        }
        assert!(!page.contains("inner") && !page.contains("--help"), "{page}");
    }
}
