//! The shared libraries of a program of this host.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use crate::{
    command::{CommandError, command, output},
    digest, host_package,
    source::{Files, SourceError},
    tree::Content,
};

/// Libraries that glibc loads while it runs, to resolve names; no program lists them.
const RUN_TIME: [&str; 3] = ["libresolv.so.2", "libnss_dns.so.2", "libnss_files.so.2"];

/// What programs need of a C library and of its compiler.
const C_LIBRARY: [&str; 9] = [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
];

/// Adds the shared libraries of an ELF program, at the same paths as on this host, and the packages that
/// they are from. A static program or a script adds nothing.
pub(crate) fn add_libraries(files: &mut Files, program: &Path) -> Result<(), SourceError> {
    for library in libraries(program)? {
        files.parts.push(host_package::of(&library)?);
        let path = library.to_string_lossy().into_owned();
        files.tree.file(&path, 0o755, Content::Path(library));
    }
    Ok(())
}

/// Paths of the shared libraries of a program, sorted; none for a static program or a script.
pub(crate) fn libraries(program: &Path) -> Result<Vec<PathBuf>, CommandError> {
    if !is_elf(program) {
        return Ok(Vec::new());
    }
    // ldd says "not a dynamic executable" with an error for static programs
    let text = match output(command("ldd").arg(program)) {
        Ok(text) => text,
        Err(CommandError::Failed { output, .. }) if output.contains("not a dynamic executable") => {
            String::new()
        }
        Err(error) => return Err(error),
    };
    let mut found = parse_ldd(&text);
    if let Some(folder) = found.iter().find(|path| path.ends_with("libc.so.6")).and_then(|path| path.parent())
    {
        let more: Vec<PathBuf> = RUN_TIME.iter().map(|name| folder.join(name)).collect();
        found.extend(more.into_iter().filter(|path| path.exists()));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Paths of the libraries of this host that a program which is not here yet may need.
pub(crate) fn usual_libraries() -> Vec<PathBuf> {
    let debian = format!("/lib/{}-linux-gnu", std::env::consts::ARCH);
    let folders = [debian.as_str(), "/lib64", "/usr/lib64", "/usr/lib"];
    let found = folders.map(Path::new).into_iter().find(|folder| folder.join("libc.so.6").exists());
    found.map(usual_in).unwrap_or_default()
}

fn usual_in(folder: &Path) -> Vec<PathBuf> {
    let names = C_LIBRARY.iter().chain(&RUN_TIME);
    names.map(|name| folder.join(name)).filter(|path| path.exists()).collect()
}

/// Libraries with the hashes of their content, for the key of a layer that contains them.
pub(crate) fn with_hashes(libraries: Vec<PathBuf>) -> Result<Vec<(PathBuf, String)>, SourceError> {
    let hashed = libraries.into_iter().map(|library| {
        let hash = digest::of_file(&library).map_err(SourceError::at(&library))?;
        Ok((library, hash))
    });
    hashed.collect()
}

/// Lines look like `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)` or `/lib64/ld-linux-x86-64.so.2 (0x…)`.
fn parse_ldd(text: &str) -> Vec<PathBuf> {
    text.lines()
        .filter_map(|line| {
            let target = line.split_once("=>").map_or(line, |(_, target)| target).trim();
            let path = target.split_whitespace().next()?;
            path.starts_with('/').then(|| PathBuf::from(path))
        })
        .collect()
}

fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ldd_prints() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x1)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x2)\n\t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
        let expected = [
            "/lib/x86_64-linux-gnu/libgcc_s.so.1",
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(parse_ldd(text), expected.map(PathBuf::from));
        assert!(parse_ldd("\tstatically linked\n").is_empty());
    }

    #[test]
    fn the_usual_libraries_are_those_of_a_program() {
        let resolved = |paths: Vec<PathBuf>| -> Vec<PathBuf> {
            paths.into_iter().map(|path| path.canonicalize().unwrap()).collect()
        };
        let usual = resolved(usual_libraries());
        for needed in resolved(libraries(&std::env::current_exe().unwrap()).unwrap()) {
            assert!(usual.contains(&needed), "{needed:?} in {usual:?}");
        }
    }

    #[test]
    fn an_update_of_the_c_library_changes_the_hashes() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libc.so.6");
        let hashes = |content: &str| {
            std::fs::write(&library, content).unwrap();
            with_hashes(usual_in(folder.path())).unwrap()
        };
        let (old, new) = (hashes("2.36-9"), hashes("2.36-9+deb12u1"));
        assert_eq!((old.len(), &old[0].0), (1, &new[0].0));
        assert_ne!(old[0].1, new[0].1);
    }

    #[test]
    fn own_test_program_needs_libc_and_the_resolver() {
        let program = std::env::current_exe().unwrap();
        let found = libraries(&program).unwrap();
        for name in ["libc.so.6", "libresolv.so.2"] {
            assert!(found.iter().any(|path| path.ends_with(name)), "{name} in {found:?}");
        }

        let mut files = Files::default();
        add_libraries(&mut files, &program).unwrap();
        assert_eq!(files.parts.len(), found.len());
        for (path, part) in found.iter().zip(&files.parts) {
            assert!(files.tree.contains(path.to_str().unwrap().trim_start_matches('/')), "{path:?}");
            assert!(part.purl.starts_with("pkg:"), "{part:?}");
        }
    }
}
