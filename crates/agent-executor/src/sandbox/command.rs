//! What is a command's own of what it may see: its program and those in `PATH`, its folder, its home, its `/tmp`.

use std::io;
use std::path::{Path, PathBuf};

use super::{Confinement, Layers, Network};
use crate::workspace::real_folder;

/// The folder for temporary files, in the home.
const TEMPORARY: &str = "tmp";

/// Completes the confinement of a command that starts in `cwd`, and its environment.
pub(crate) fn complete(
    base: &Confinement,
    argv: &[String],
    cwd: &Path,
    home: &Path,
    env: &mut Vec<(String, String)>,
) -> io::Result<Confinement> {
    let mut own = base.clone();
    if !own.layers.any() {
        return Ok(own);
    }
    own.layers = Layers { network: own.layers.network && own.network != Network::Host, ..own.layers };
    let path = env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value.as_str());
    let folders: Vec<_> = std::env::split_paths(path).filter(|folder| holds_programs(folder)).collect();
    let program = argv.first().map(|program| program_files(program, &folders)).unwrap_or_default();
    own = own.reading(folders).reading(program).writing([cwd, home]);
    if own.network == Network::Host {
        // What it says who answers for names may be in `/run`.
        own = own.reading(Path::new("/etc/resolv.conf").canonicalize());
    }

    let temporary = home.join(TEMPORARY);
    // What an earlier command put there must not decide what this one sees as `/tmp`.
    real_folder(&temporary)?;
    let elsewhere = |value: &str| !Path::new(value).starts_with(home);
    env.retain(|(name, value)| name != "TMPDIR" || !elsewhere(value));
    if own.layers.files {
        own.tmp = Some(temporary);
    } else if !env.iter().any(|(name, _)| name == "TMPDIR") {
        env.push(("TMPDIR".to_owned(), temporary.to_string_lossy().into_owned()));
    }
    Ok(own)
}

/// Whether a folder of `PATH` may be seen for the programs in it: not everything, and not all that is somebody's.
fn holds_programs(folder: &Path) -> bool {
    let real = folder.canonicalize().unwrap_or_default();
    folder.is_absolute()
        && real.parent().is_some_and(|above| above != Path::new("/home"))
        && std::env::home_dir().and_then(|home| home.canonicalize().ok()) != Some(real)
}

/// The program's file, and the folder of all packages if it is one of Node.js.
fn program_files(program: &str, path: &[PathBuf]) -> Vec<PathBuf> {
    let file = if program.contains('/') {
        Some(PathBuf::from(program))
    } else {
        path.iter().map(|folder| folder.join(program)).find(|file| file.is_file())
    };
    let Some(file) = file else { return Vec::new() };
    let real = file.canonicalize().unwrap_or_default();
    let packages = real.ancestors().filter(|above| above.ends_with("node_modules")).last().map(Path::to_owned);
    std::iter::once(file).chain(packages).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confined() -> Confinement {
        let layers = Layers { privileges: true, files: true, network: true, ..Layers::default() };
        Confinement { layers, ..Confinement::default() }
    }

    #[test]
    fn a_command_sees_its_program_its_path_and_has_its_own_folders() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (home, cwd, bin) = (root.join("home"), root.join("work"), root.join("bin"));
        let package = root.join("lib/node_modules/agent/dist");
        for folder in [&home, &cwd, &bin, &package] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(package.join("cli.js"), "").unwrap();
        std::os::unix::fs::symlink("../lib/node_modules/agent/dist/cli.js", bin.join("agent")).unwrap();
        let value = |text: &Path| text.to_string_lossy().into_owned();
        let mut env = vec![
            ("PATH".to_owned(), format!("{}:relative", bin.display())),
            ("TMPDIR".to_owned(), "/somewhere".to_owned()),
        ];
        let own = complete(&confined(), &["agent".to_owned()], &cwd, &home, &mut env).unwrap();
        assert_eq!(own.read, [bin.clone(), bin.join("agent"), root.join("lib/node_modules")]);
        assert_eq!(own.write, [cwd.clone(), home.clone()]);
        assert_eq!(own.tmp, Some(home.join("tmp")));
        assert!(home.join("tmp").is_dir() && env.len() == 1);

        let mut layers = confined();
        layers.layers.files = false;
        layers.network = Network::Host;
        let own = complete(&layers, &["sh".to_owned()], &cwd, &home, &mut env).unwrap();
        assert!(!own.layers.network && own.tmp.is_none());
        assert_eq!(env.last(), Some(&("TMPDIR".to_owned(), value(&home.join("tmp")))));
    }

    #[test]
    fn a_path_of_everything_shows_nothing() {
        let home = std::env::home_dir().unwrap();
        for folder in ["/", "bin", "/usr/..", "/home/somebody", home.to_str().unwrap()] {
            assert!(!holds_programs(Path::new(folder)), "{folder}");
        }
        assert!(holds_programs(Path::new("/usr/bin")));
    }

    #[test]
    fn without_confinement_nothing_is_changed() {
        let mut env = vec![("TMPDIR".to_owned(), "/somewhere".to_owned())];
        let home = Path::new("/nowhere");
        let own = complete(&Confinement::off(), &[], home, home, &mut env).unwrap();
        assert_eq!((own, env.len()), (Confinement::off(), 1));
    }
}
