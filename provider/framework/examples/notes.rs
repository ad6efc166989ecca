//! A whole provider: it keeps notes as text files in a folder. It never touches any other file.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use terraform_provider_framework::schema::{Modifier, attributes};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{
    Attribute, Change, Context, DataSource, Diagnostic, Diagnostics, Failure, Function, FunctionError, IdentitySchema,
    Named, Parameter, Path, Provider, Resource, Schema, Signature, Value, async_trait, serve,
};

fn main() -> ExitCode {
    serve(Notes)
}

struct Notes;

impl Provider for Notes {
    /// The folder; resources get it with every call.
    type Client = PathBuf;

    fn address(&self) -> &'static str {
        "registry.terraform.io/examples/notes"
    }

    fn schema(&self) -> Schema {
        Schema::new("Keeps notes.", attributes([("folder", Attribute::string("Where notes are.").required())]))
    }

    fn configure(&self, _terraform_version: &str, config: &Value) -> Result<PathBuf, Diagnostics> {
        // While planning the folder may not be known yet; nothing is written then.
        Ok(config.get("folder").as_str().unwrap_or_default().into())
    }

    fn resources(&self) -> Named<dyn Resource<PathBuf>> {
        vec![("notes_note", Box::new(Note))]
    }

    fn data_sources(&self) -> Named<dyn DataSource<PathBuf>> {
        Vec::new()
    }

    fn functions(&self) -> Named<dyn Function> {
        vec![("shout", Box::new(Shout))]
    }
}

/// A text file.
struct Note;

#[async_trait]
impl Resource<PathBuf> for Note {
    fn schema(&self) -> Schema {
        let title = Attribute::string("Name of the note: letters and digits.").required();
        Schema::new(
            "A note.",
            attributes([
                ("title", title.modified(Modifier::RequiresReplace)),
                ("text", Attribute::string("What it says.").with_default("")),
                ("length", Attribute::number("Bytes that it has.").computed()),
            ]),
        )
    }

    fn identity(&self) -> Option<IdentitySchema> {
        Some(IdentitySchema::of_text("title", "Name of the note."))
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        check_title(config.get("title").as_str().unwrap_or("unknown")).err().unwrap_or_default()
    }

    async fn create(&self, context: &Context<PathBuf>, change: Change) -> Result<Value, Failure> {
        if file(context, &change.planned).exists() {
            return Err(Diagnostic::error("There is such a note already", "Import it, or choose another title.").into());
        }
        self.update(context, change).await
    }

    async fn read(&self, context: &Context<PathBuf>, mut state: Value) -> Result<Option<Value>, Diagnostics> {
        match std::fs::read_to_string(file(context, &state)) {
            Ok(text) => {
                state.put("length", text.len() as u64);
                state.put("text", text);
                Ok(Some(state))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn update(&self, context: &Context<PathBuf>, change: Change) -> Result<Value, Failure> {
        let (path, mut state) = (file(context, &change.planned), change.planned);
        let text = state.get("text").as_str().unwrap_or_default().to_owned();
        std::fs::create_dir_all(context.client.as_path())
            .and_then(|()| std::fs::write(path, &text))
            .map_err(|error| failed(&error))?;
        state.put("length", text.len() as u64);
        Ok(state)
    }

    async fn delete(&self, context: &Context<PathBuf>, state: Value) -> Result<(), Diagnostics> {
        match std::fs::remove_file(file(context, &state)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    async fn import(&self, context: &Context<PathBuf>, id: &str) -> Result<Value, Diagnostics> {
        check_title(id)?;
        let found = self.read(context, Value::object([("title", Value::from(id))])).await?;
        Ok(found.ok_or_else(|| Diagnostic::error("No such note", "The import id is the title of a note."))?)
    }
}

fn check_title(title: &str) -> Result<(), Diagnostics> {
    let valid = !title.is_empty() && title.chars().all(|c| c.is_ascii_alphanumeric());
    let told = || Diagnostic::error("Invalid title", "Use letters and digits only.").at(Path::attribute("title"));
    if valid { Ok(()) } else { Err(told().into()) }
}

fn file(context: &Context<PathBuf>, note: &Value) -> PathBuf {
    context.client.join(note.get("title").as_str().unwrap_or_default()).with_extension("txt")
}

fn failed(error: &std::io::Error) -> Diagnostics {
    Diagnostic::error("The folder of the notes cannot be used", format!("{error}. Check its permissions.")).into()
}

/// Makes text loud.
struct Shout;

impl Function for Shout {
    fn signature(&self) -> Signature {
        let text = Parameter::new("text", Type::String, "What to shout.");
        Signature::new("Makes text loud", "Text in capitals.", vec![text], Type::String)
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let text = arguments.first().and_then(Value::as_str).ok_or_else(|| FunctionError::at(0, "Give a text."))?;
        Ok(text.to_uppercase().into())
    }
}
