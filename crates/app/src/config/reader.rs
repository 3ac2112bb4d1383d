//! Reads a TOML table key by key and collects every mistake, so that an operator mends a file in one go.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use crate::environment::Environment;

/// Everything wrong with a configuration, each with the path of its key.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(pub(crate) Vec<String>);

impl Mistakes {
    /// Notes one mistake at `path`.
    pub(crate) fn add(&mut self, path: &str, problem: impl AsRef<str>) {
        self.0.push(format!("{path}: {}", problem.as_ref()));
    }
}

/// One table of the file, whose keys are taken one by one; what is left at the end was not understood.
pub(crate) struct Section {
    path: String,
    table: Table,
    known: Vec<&'static str>,
}

impl Section {
    /// The whole file.
    pub(crate) fn root(table: Table) -> Self {
        Self {
            path: String::new(),
            table,
            known: Vec::new(),
        }
    }

    /// The full path of `key`.
    pub(crate) fn path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether a text is at the key, and not a list or a table.
    pub(crate) fn has_text(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(Value::is_str)
    }

    /// Whether there is a list at `key`.
    pub(crate) fn is_list(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(Value::is_array)
    }

    /// The table at `key`; an empty one when it is not there.
    pub(crate) fn section(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Self {
        let path = self.path(key);
        let table = match self.take(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(_) => {
                mistakes.add(&path, format!("must be a table, written [{path}]"));
                Table::new()
            }
        };
        Self {
            path,
            table,
            known: Vec::new(),
        }
    }

    /// The tables at `key`, by their names.
    pub(crate) fn sections(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Vec<(String, Self)> {
        let mut all = self.section(key, mistakes);
        let mut sections = Vec::new();
        for (name, value) in std::mem::take(&mut all.table) {
            let path = all.path(&name);
            match value {
                Value::Table(table) => {
                    let section = Self {
                        path,
                        table,
                        known: Vec::new(),
                    };
                    sections.push((name, section));
                }
                _ => mistakes.add(&path, format!("must be a table, written [{path}]")),
            }
        }
        sections
    }

    /// The text at `key`, read as `T`; `None` when it is not there or not right.
    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        mistakes: &mut Mistakes,
    ) -> Option<T> {
        let path = self.path(key);
        match self.take(key)? {
            Value::String(text) => parse(&text)
                .map_err(|error| mistakes.add(&path, error.to_string()))
                .ok(),
            other => {
                mistakes.add(&path, format!("must be a text in quotes, not {}", kind(&other)));
                None
            }
        }
    }

    /// Like [`Section::parsed`], for a key that must be there.
    pub(crate) fn required<T, E: std::fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        mistakes: &mut Mistakes,
    ) -> Option<T> {
        if !self.has(key) {
            self.known.push(key);
            mistakes.add(&self.path(key), "is missing");
            return None;
        }
        self.parsed(key, parse, mistakes)
    }

    /// The text at `key` through its `FromStr`, with a hint of what it should look like.
    pub(crate) fn read_as<T: FromStr>(
        &mut self,
        key: &'static str,
        expected: &str,
        mistakes: &mut Mistakes,
    ) -> Option<T> {
        self.parsed(
            key,
            |text| text.parse().map_err(|_| format!("must be {expected}")),
            mistakes,
        )
    }

    /// The texts in the list at `key`, each read as `T`; wrong ones are left out and noted.
    pub(crate) fn list<T, E: std::fmt::Display>(
        &mut self,
        key: &'static str,
        mut parse: impl FnMut(&str) -> Result<T, E>,
        mistakes: &mut Mistakes,
    ) -> Option<Vec<T>> {
        let path = self.path(key);
        let Value::Array(items) = self.take(key)? else {
            mistakes.add(&path, "must be a list of texts, written [\"…\", \"…\"]");
            return None;
        };
        let mut parsed = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match item.as_str().map(&mut parse) {
                Some(Ok(value)) => parsed.push(value),
                Some(Err(error)) => mistakes.add(&path, error.to_string()),
                None => mistakes.add(&path, format!("must be a text in quotes, not {}", kind(item))),
            }
        }
        Some(parsed)
    }

    /// The tables in the list at `key`; `shape` is what one looks like.
    pub(crate) fn tables(&mut self, key: &'static str, shape: &str, mistakes: &mut Mistakes) -> Option<Vec<Self>> {
        let path = self.path(key);
        let Value::Array(items) = self.take(key)? else {
            mistakes.add(&path, format!("must be a list, written [{shape}]"));
            return None;
        };
        let mut tables = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            match item {
                Value::Table(table) => tables.push(Self {
                    path,
                    table,
                    known: Vec::new(),
                }),
                _ => mistakes.add(&path, format!("must be {shape}")),
            }
        }
        Some(tables)
    }

    /// The whole number at `key`, if it fits `T`.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Option<T> {
        let path = self.path(key);
        let value = self.take(key)?;
        let number = value.as_integer().and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            mistakes.add(
                &path,
                format!("must be a whole number that is not negative and not huge, not {value}"),
            );
        }
        number
    }

    /// True or false at `key`.
    pub(crate) fn flag(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Option<bool> {
        let path = self.path(key);
        let flag = self.take(key)?.as_bool();
        if flag.is_none() {
            mistakes.add(&path, "must be true or false");
        }
        flag
    }

    /// A span such as `"10m"` at `key`.
    pub(crate) fn duration(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Option<Duration> {
        self.parsed(key, parse_duration, mistakes)
    }

    /// A list of spans at `key`.
    pub(crate) fn durations(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Option<Vec<Duration>> {
        self.list(key, parse_duration, mistakes)
    }

    /// The secret that `{ file = "…" }` or `{ env = "…" }` at `key` points to, without the line's end.
    pub(crate) fn secret(
        &mut self,
        key: &'static str,
        sources: &SecretSources<'_>,
        mistakes: &mut Mistakes,
    ) -> Option<String> {
        let path = self.path(key);
        let value = self.take(key);
        let Some(value) = value else {
            mistakes.add(&path, SECRET_SHAPE);
            return None;
        };
        sources.read(&path, &value, mistakes)
    }

    /// The secrets in a list at `key`.
    pub(crate) fn secrets(
        &mut self,
        key: &'static str,
        sources: &SecretSources<'_>,
        mistakes: &mut Mistakes,
    ) -> Vec<String> {
        let path = self.path(key);
        match self.take(key) {
            Some(Value::Array(items)) if !items.is_empty() => {
                let read = |(index, item)| sources.read(&format!("{path}[{index}]"), item, mistakes);
                items.iter().enumerate().filter_map(read).collect()
            }
            _ => {
                mistakes.add(&path, format!("must be a list, each item {SECRET_SHAPE}"));
                Vec::new()
            }
        }
    }

    /// Leaves out a key that the section's end is not to speak of; whether it was there.
    pub(crate) fn pass_over(&mut self, key: &str) -> bool {
        self.table.remove(key).is_some()
    }

    /// Takes the raw names and values that are left, for tables whose keys are the operator's own.
    pub(crate) fn take_all(&mut self) -> Table {
        std::mem::take(&mut self.table)
    }

    /// Ends the section: whatever was not taken is a mistake, with the nearest key that would have been.
    pub(crate) fn end(self, mistakes: &mut Mistakes) {
        for key in self.table.keys() {
            let path = self.path(key);
            match nearest(key, &self.known) {
                Some(known) => mistakes.add(&path, format!("is not a setting; did you mean {known}?")),
                None => mistakes.add(&path, format!("is not a setting; there are {}", self.known.join(", "))),
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }
}

const SECRET_SHAPE: &str = "must be { file = \"/path\" } or { env = \"NAME\" }; secrets are never written here";

/// Where secrets may come from.
pub(crate) struct SecretSources<'a> {
    folder: &'a Path,
    environment: &'a Environment,
    from_environment: RefCell<Vec<String>>,
    /// Whether nothing is read, and something of the right shape stands in for each secret.
    stands_in: bool,
}

impl<'a> SecretSources<'a> {
    /// Relative files are looked for in `folder`.
    pub(crate) fn new(folder: &'a Path, environment: &'a Environment) -> Self {
        Self {
            folder,
            environment,
            from_environment: RefCell::default(),
            stands_in: false,
        }
    }

    /// Reads nothing: something that is no secret stands in for each. For whoever needs the rules alone.
    pub(crate) fn stand_ins(folder: &'a Path, environment: &'a Environment) -> Self {
        Self {
            stands_in: true,
            ..Self::new(folder, environment)
        }
    }

    /// What was read from the environment, which every child process and crash report can see.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let warn =
            |path: &String| format!("{path} comes from the environment; a file only the service can read is safer");
        self.from_environment.borrow().iter().map(warn).collect()
    }

    /// Reads one secret. What it is never reaches a message.
    pub(crate) fn read(&self, path: &str, value: &Value, mistakes: &mut Mistakes) -> Option<String> {
        let entry = value
            .as_table()
            .filter(|table| table.len() == 1)
            .and_then(|table| table.iter().next());
        let secret = match entry.map(|(key, value)| (key.as_str(), value.as_str())) {
            Some(("file" | "env", Some(_))) if self.stands_in => {
                // Another one for each, since two keys must not be the same.
                Ok(data_encoding::HEXLOWER.encode(&Sha256::digest(path.as_bytes())))
            }
            Some(("file", Some(file))) => self.read_file(Path::new(file)),
            Some(("env", Some(name))) => {
                self.from_environment.borrow_mut().push(path.to_owned());
                self.environment
                    .get(name)
                    .ok_or_else(|| format!("the environment variable {name} is not set"))
            }
            _ => Err(SECRET_SHAPE.to_owned()),
        };
        let secret = secret.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
        match secret {
            Ok(secret) if secret.is_empty() => mistakes.add(path, "the secret is empty"),
            Ok(secret) => return Some(secret),
            Err(problem) => mistakes.add(path, problem),
        }
        None
    }

    fn read_file(&self, file: &Path) -> Result<String, String> {
        let file: PathBuf = self.folder.join(file);
        std::fs::read_to_string(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))
    }
}

/// Reads a span as people write it.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let expected = "must be a span such as \"90s\", \"10m\", \"1h 30m\" or \"24h\"";
    let span: SignedDuration = text.parse().map_err(|_| expected)?;
    Duration::try_from(span).map_err(|_| expected)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// The known key, or name, that was most likely meant.
pub(crate) fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |it: &&'a str| strsim::jaro_winkler(key, it);
    known
        .iter()
        .copied()
        .filter(|it| likeness(it) > 0.8)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}
