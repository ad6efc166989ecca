//! The provider's documentation as a registry shows it: made from what the provider serves and from the examples, and
//! compared with what is committed. It writes below `docs` only, and only pages that it makes.

mod catalog;
mod examples;
mod page;
mod schema;
mod types;

pub use catalog::{Attribute, Attributes, Catalog, Content, Function, Group, Parameter, Schema};

use anyhow::{Context, Result};
use examples::Examples;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The folders of `docs` that hold nothing but pages made here.
const FOLDERS: [&str; 5] = ["resources", "data-sources", "functions", "ephemeral-resources", "list-resources"];

/// Largest page and largest number of pages that a registry takes.
const PAGE_BYTES_MAX: usize = 500_000;
const PAGES_MAX: usize = 2_000;

/// Pages by their path below `docs`, and what the catalogue or the examples lack for them.
#[derive(Debug, Default)]
pub struct Pages {
    /// The text of each page.
    pub pages: BTreeMap<PathBuf, String>,
    /// What is wrong, with what to do.
    pub problems: Vec<String>,
}

impl Pages {
    /// The pages of everything in the catalogue, with the examples below `examples`.
    pub fn new(catalog: &Catalog, examples: &Path) -> Self {
        let mut maker = Maker { examples: Examples::new(examples), pages: BTreeMap::new() };
        maker.index(catalog);
        maker.resources(catalog);
        maker.types("data-sources", "Data Source", "data-source.tf", &catalog.data_sources);
        maker.types("ephemeral-resources", "Ephemeral Resource", "ephemeral-resource.tf", &catalog.ephemeral_resources);
        maker.types("list-resources", "List Resource", "list-resource.tfquery.hcl", &catalog.list_resources);
        maker.functions(catalog);
        maker.finished()
    }

    /// Writes every page below `docs`, and removes those of what the provider no longer serves.
    ///
    /// # Errors
    /// When a page cannot be written or removed.
    pub fn write(&self, docs: &Path) -> Result<()> {
        for (path, text) in &self.pages {
            let path = docs.join(path);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
            }
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        for path in self.surplus(docs)? {
            std::fs::remove_file(docs.join(&path)).with_context(|| format!("removing {}", path.display()))?;
        }
        Ok(())
    }

    /// How the pages below `docs` differ from these, one difference a line.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn differences(&self, docs: &Path) -> Result<Vec<String>> {
        let differs = |(path, text): (&PathBuf, &String)| match std::fs::read_to_string(docs.join(path)) {
            Err(_absent) => Some(format!("docs/{} is missing", path.display())),
            Ok(there) => (there != *text).then(|| format!("docs/{} is out of date", path.display())),
        };
        let mut differences: Vec<String> = self.pages.iter().filter_map(differs).collect();
        let surplus = self.surplus(docs)?;
        differences.extend(surplus.iter().map(|path| format!("docs/{} is about nothing", path.display())));
        Ok(differences)
    }

    /// Pages that are there and should not be.
    fn surplus(&self, docs: &Path) -> Result<BTreeSet<PathBuf>> {
        let mut surplus = BTreeSet::new();
        for folder in FOLDERS {
            let Ok(entries) = docs.join(folder).read_dir() else { continue };
            for entry in entries {
                let path = Path::new(folder).join(entry?.file_name());
                if !self.pages.contains_key(&path) {
                    surplus.insert(path);
                }
            }
        }
        Ok(surplus)
    }
}

struct Maker {
    examples: Examples,
    pages: BTreeMap<PathBuf, String>,
}

impl Maker {
    fn index(&mut self, catalog: &Catalog) {
        let example = self.examples.read("provider/provider.tf");
        self.pages.insert("index.md".into(), page::index(&catalog.provider, &example));
    }

    fn resources(&mut self, catalog: &Catalog) {
        for (name, schema) in &catalog.resources {
            let example = self.examples.read(format!("resources/{name}/resource.tf"));
            let identity = catalog.identities.get(name).map(Vec::as_slice);
            let import = self.examples.import(name, identity.is_some());
            let text = page::of_type(name, "Resource", schema, &example, "terraform");
            self.pages.insert(path("resources", name), [text, page::import(&import, identity)].join("\n"));
        }
    }

    fn types(&mut self, folder: &str, kind: &str, file: &str, schemas: &BTreeMap<String, Schema>) {
        for (name, schema) in schemas {
            let example = self.examples.read(format!("{folder}/{name}/{file}"));
            self.pages.insert(path(folder, name), page::of_type(name, kind, schema, &example, "terraform"));
        }
    }

    fn functions(&mut self, catalog: &Catalog) {
        for (name, function) in &catalog.functions {
            let example = self.examples.read(format!("functions/{name}/function.tf"));
            self.pages.insert(path("functions", name), page::function(name, function, &example));
        }
    }

    fn finished(self) -> Pages {
        let missing = self.examples.missing();
        let mut problems: Vec<String> =
            missing.iter().map(|path| format!("examples/{} is missing: write it", path.display())).collect();
        let large = self.pages.iter().filter(|(_, text)| text.len() > PAGE_BYTES_MAX);
        problems.extend(large.map(|(path, _)| format!("{} is too large for a registry", path.display())));
        if self.pages.len() > PAGES_MAX {
            problems.push(format!("a registry takes {PAGES_MAX} pages, these are {}", self.pages.len()));
        }
        Pages { pages: self.pages, problems }
    }
}

/// A page's path: pages are named without the provider.
fn path(folder: &str, name: &str) -> PathBuf {
    let name = name.strip_prefix("shadow_").unwrap_or(name);
    Path::new(folder).join(format!("{name}.md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let schema = Schema { description: "A policy.".to_owned(), attributes: Attributes::new() };
        Catalog { resources: [("shadow_policy".to_owned(), schema)].into(), ..Catalog::default() }
    }

    #[test]
    fn missing_examples_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let pages = Pages::new(&catalog(), folder.path());
        assert_eq!(
            pages.pages.keys().map(|path| path.to_str().unwrap()).collect::<Vec<_>>(),
            ["index.md", "resources/policy.md"]
        );
        let missing = pages.problems.join("\n");
        for path in ["provider/provider.tf", "shadow_policy/resource.tf", "shadow_policy/import.sh", "-string-id.tf"] {
            assert!(missing.contains(path), "{path} is not in {missing}");
        }
    }

    #[test]
    fn pages_are_written_compared_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let pages = Pages::new(&catalog(), folder.path());
        assert_eq!(pages.differences(folder.path()).unwrap().len(), 2);
        pages.write(folder.path()).unwrap();
        assert_eq!(pages.differences(folder.path()).unwrap(), Vec::<String>::new());
        std::fs::write(folder.path().join("resources/old.md"), "").unwrap();
        std::fs::write(folder.path().join("resources/policy.md"), "edited").unwrap();
        let differences = pages.differences(folder.path()).unwrap();
        assert_eq!(differences, ["docs/resources/policy.md is out of date", "docs/resources/old.md is about nothing"]);
        pages.write(folder.path()).unwrap();
        assert!(pages.differences(folder.path()).unwrap().is_empty());
    }
}
