//! A cluster's entry in a person's kubeconfig: put in when it is made, taken out when it goes.
//!
//! The file's bytes before are kept, so that taking the entry out of an unchanged file gives the same file.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::native::state::{rewrite_atomically, write_atomically};
use crate::{Error, Result};

/// The file that `kubectl` writes to: the first of `KUBECONFIG`, else `~/.kube/config`.
pub fn default_path() -> Option<PathBuf> {
    let listed = std::env::var_os("KUBECONFIG")
        .and_then(|list| std::env::split_paths(&list).find(|p| !p.as_os_str().is_empty()));
    listed.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".kube/config")))
}

/// Reads a kubeconfig as data.
///
/// # Errors
/// [`Error::File`] or [`Error::Format`].
pub fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Value> {
    if text.trim().is_empty() {
        return Ok(empty());
    }
    serde_saphyr::from_str(text).map_err(|e| Error::Format { path: path.into(), reason: e.to_string() })
}

fn empty() -> Value {
    json!({"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": [], "current-context": ""})
}

/// An entry in a person's kubeconfig, with what is kept of the file before.
pub struct Entry<'a> {
    /// The person's file.
    pub file: &'a Path,
    /// The name of its context, cluster and user.
    pub context: &'a str,
    /// A folder of ours to keep the former bytes in.
    pub keep: &'a Path,
}

impl Entry<'_> {
    fn before(&self) -> PathBuf {
        self.keep.join("kubeconfig.before")
    }

    fn after(&self) -> PathBuf {
        self.keep.join("kubeconfig.after")
    }

    /// Puts the cluster of `admin` (a kubeconfig with one cluster) into the file and makes it current.
    ///
    /// # Errors
    /// [`Error::Format`] where the person's file is not a kubeconfig; it is left alone then.
    pub fn put(&self, admin: &str) -> Result<()> {
        let admin = parse(Path::new("the cluster's kubeconfig"), admin)?;
        let old = match fs::read(self.file) {
            Ok(bytes) => Some(bytes),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(Error::file("read", self.file)(e)),
        };
        let text = String::from_utf8_lossy(old.as_deref().unwrap_or_default()).into_owned();
        let mut config = parse(self.file, &text)?;
        let had = list(&config, "contexts").iter().any(|c| c["name"] == self.context);
        self.strip(&mut config);
        if !had {
            write_atomically(&self.before(), text.as_bytes(), 0o600)?;
        } else if fs::read(self.after()).ok() != old {
            // others wrote to it since: what comes back in the end is theirs
            let mut theirs = config.clone();
            self.name_former(&mut theirs);
            write_atomically(&self.before(), self.written(&theirs)?.as_bytes(), 0o600)?;
        }
        let mut insert = |key: &str, mut item: Value| {
            item["name"] = json!(self.context);
            match config[key].as_array_mut() {
                Some(items) => items.push(item),
                None => config[key] = json!([item]),
            }
        };
        insert("clusters", json!({"cluster": admin["clusters"][0]["cluster"]}));
        insert("users", json!({"user": admin["users"][0]["user"]}));
        insert("contexts", json!({"context": {"cluster": self.context, "user": self.context}}));
        config["current-context"] = json!(self.context);
        let text = self.written(&config)?;
        rewrite_atomically(self.file, text.as_bytes(), 0o600)?;
        write_atomically(&self.after(), text.as_bytes(), 0o600)
    }

    /// Takes the entry out. A file that did not exist before and holds nothing else is removed; a file that nobody
    /// changed gets its former bytes back; any other keeps what others wrote.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`].
    pub fn take_out(&self) -> Result<()> {
        let Ok(now) = fs::read(self.file) else { return Ok(()) };
        let before = fs::read(self.before()).ok();
        if let Some(before) =
            before.as_ref().filter(|_| fs::read(self.after()).is_ok_and(|after| after == now))
        {
            return if before.is_empty() {
                self.remove_file()
            } else {
                rewrite_atomically(self.file, before, 0o600)
            };
        }
        let mut config = parse(self.file, &String::from_utf8_lossy(&now))?;
        if !self.strip(&mut config) {
            return Ok(());
        }
        if is_bare(&config) && before.is_some_and(|before| before.is_empty()) {
            return self.remove_file();
        }
        self.name_former(&mut config);
        rewrite_atomically(self.file, self.written(&config)?.as_bytes(), 0o600)
    }

    /// Makes the context that was current before ours current again, where ours is and the former is still there.
    fn name_former(&self, config: &mut Value) {
        if config["current-context"] == self.context {
            let before = fs::read_to_string(self.before()).ok();
            let former = before.and_then(|text| parse(self.file, &text).ok());
            let name = former.map_or(Value::Null, |former| former["current-context"].clone());
            let known = list(config, "contexts").iter().any(|context| context["name"] == name);
            config["current-context"] = if known { name } else { json!("") };
        }
    }

    fn written(&self, config: &Value) -> Result<String> {
        serde_saphyr::to_string(config)
            .map_err(|e| Error::Format { path: self.file.into(), reason: e.to_string() })
    }

    fn remove_file(&self) -> Result<()> {
        fs::remove_file(self.file).map_err(Error::file("remove", self.file))?;
        if let Some(folder) = self.file.parent() {
            // only where it is empty: `~/.kube` may hold other things
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    /// Removes our three items; tells whether there was one.
    fn strip(&self, config: &mut Value) -> bool {
        let mut found = false;
        for key in ["clusters", "users", "contexts"] {
            if let Some(items) = config[key].as_array_mut() {
                let count = items.len();
                items.retain(|item| item["name"] != self.context);
                found |= items.len() != count;
            }
        }
        found
    }
}

/// Whether a kubeconfig names no cluster, user or context.
fn is_bare(config: &Value) -> bool {
    ["clusters", "users", "contexts"].iter().all(|key| list(config, key).is_empty())
}

fn list<'a>(config: &'a Value, key: &str) -> &'a [Value] {
    config[key].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: &str = "
clusters: [{name: x, cluster: {server: 'https://198.19.128.11:6443'}}]
users: [{name: y, user: {token: t}}]
contexts: []
";
    const THEIRS: &str = "# by hand\napiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: [{name: work, context: {cluster: a, user: b}}]\ncurrent-context: work\n";

    fn with(start: Option<&str>, check: impl FnOnce(&Entry<'_>, &Path)) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kube/config");
        if let Some(text) = start {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
        }
        let keep = folder.path().join("keep");
        check(&Entry { file: &file, context: "kubsets", keep: &keep }, &file);
    }

    #[test]
    fn what_others_add_between_two_entries_stays() {
        with(Some(THEIRS), |entry, file| {
            entry.put(ADMIN).unwrap();
            let mut config = read(file).unwrap();
            config["contexts"]
                .as_array_mut()
                .unwrap()
                .push(json!({"name": "new", "context": {"cluster": "c"}}));
            fs::write(file, serde_saphyr::to_string(&config).unwrap()).unwrap();
            entry.put(ADMIN).unwrap();
            entry.take_out().unwrap();
            let config = read(file).unwrap();
            let names: Vec<&Value> =
                list(&config, "contexts").iter().map(|context| &context["name"]).collect();
            assert_eq!(names, ["work", "new"]);
            assert_eq!(config["current-context"], "work");
        });
    }

    #[test]
    fn an_untouched_file_gets_its_bytes_back() {
        with(Some(THEIRS), |entry, file| {
            entry.put(ADMIN).unwrap();
            let config = read(file).unwrap();
            assert_eq!(config["current-context"], "kubsets");
            assert_eq!(config["clusters"][0]["cluster"]["server"], "https://198.19.128.11:6443");
            assert_eq!(config["contexts"].as_array().unwrap().len(), 2);
            entry.put(ADMIN).unwrap();
            entry.take_out().unwrap();
            assert_eq!(fs::read_to_string(file).unwrap(), THEIRS);
        });
    }

    #[test]
    fn a_file_that_was_not_there_goes_again() {
        with(None, |entry, file| {
            entry.put(ADMIN).unwrap();
            assert!(file.exists());
            entry.take_out().unwrap();
            assert!(!file.exists() && !file.parent().unwrap().exists());
            entry.take_out().unwrap();
        });
    }

    #[test]
    fn a_new_file_that_others_only_touched_goes_again() {
        with(None, |entry, file| {
            entry.put(ADMIN).unwrap();
            let mut config = read(file).unwrap();
            config["current-context"] = json!("");
            fs::write(file, serde_saphyr::to_string(&config).unwrap()).unwrap();
            entry.take_out().unwrap();
            assert!(!file.exists());
        });
    }

    #[test]
    fn a_former_context_that_is_gone_does_not_become_current() {
        with(Some(THEIRS), |entry, file| {
            entry.put(ADMIN).unwrap();
            let mut config = read(file).unwrap();
            config["contexts"].as_array_mut().unwrap().retain(|context| context["name"] != "work");
            fs::write(file, serde_saphyr::to_string(&config).unwrap()).unwrap();
            entry.take_out().unwrap();
            assert_eq!(read(file).unwrap()["current-context"], "");
        });
    }

    #[test]
    fn a_linked_file_stays_linked_and_keeps_its_mode() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        with(Some(THEIRS), |entry, file| {
            let real = file.with_file_name("real");
            fs::rename(file, &real).unwrap();
            fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
            symlink(&real, file).unwrap();
            let check = || {
                assert!(fs::symlink_metadata(file).unwrap().is_symlink());
                assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
            };
            entry.put(ADMIN).unwrap();
            check();
            assert_eq!(read(&real).unwrap()["current-context"], "kubsets");
            entry.take_out().unwrap();
            check();
            assert_eq!(fs::read_to_string(&real).unwrap(), THEIRS);
        });
        with(None, |entry, file| {
            entry.put(ADMIN).unwrap();
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        });
    }

    #[test]
    fn what_others_wrote_meanwhile_stays() {
        with(Some(THEIRS), |entry, file| {
            entry.put(ADMIN).unwrap();
            let mut config = read(file).unwrap();
            config["users"].as_array_mut().unwrap().push(json!({"name": "new", "user": {}}));
            fs::write(file, serde_saphyr::to_string(&config).unwrap()).unwrap();
            entry.take_out().unwrap();
            let config = read(file).unwrap();
            assert_eq!(config["users"], json!([{"name": "new", "user": {}}]));
            assert_eq!(config["current-context"], "work");
        });
    }

    #[test]
    fn a_file_that_is_no_kubeconfig_is_left_alone() {
        with(Some("{ not yaml"), |entry, file| {
            assert!(matches!(entry.put(ADMIN), Err(Error::Format { .. })));
            assert_eq!(fs::read_to_string(file).unwrap(), "{ not yaml");
        });
    }
}
