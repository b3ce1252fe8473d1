//! The file of a backup: written beside its place and renamed into it, read with every doubt.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{BackupError, BackupFile, FORMAT, Manifest, Table};

const BEGINS: &str = "coditect-";
const ENDS: &str = ".jsonl.gz";

/// The longest line that may be a manifest.
const MANIFEST: u64 = 1024 * 1024;

/// The longest line that may be a row.
const ROW: u64 = 256 * 1024 * 1024;

/// Lines are handed to the thread that compresses them in pieces of about this size.
const PIECE: usize = 256 * 1024;

/// Writes a backup on a thread of its own.
pub(super) struct Writer {
    folder: PathBuf,
    name: String,
    piece: Vec<u8>,
    pieces: mpsc::Sender<Vec<u8>>,
    thread: JoinHandle<io::Result<(tempfile::NamedTempFile, String)>>,
}

impl Writer {
    pub(super) fn create(folder: &Path, manifest: &Manifest) -> Result<Self, BackupError> {
        fs::create_dir_all(folder).map_err(at("create", folder))?;
        // Dropped before it is finished, it is gone.
        let file = tempfile::Builder::new().prefix(".backup-").tempfile_in(folder).map_err(at("write in", folder))?;
        let (pieces, mut received) = mpsc::channel::<Vec<u8>>(8);
        let thread = tokio::task::spawn_blocking(move || {
            let mut encoder = GzEncoder::new(Hashing { file, hash: Sha256::new() }, Compression::default());
            while let Some(piece) = received.blocking_recv() {
                encoder.write_all(&piece)?;
            }
            let Hashing { file, hash } = encoder.finish()?;
            file.as_file().sync_all()?;
            Ok((file, hex(&hash.finalize())))
        });
        let mut piece = serde_json::to_vec(manifest).unwrap_or_default();
        piece.push(b'\n');
        let name = format!("{BEGINS}{}{ENDS}", manifest.at_ms);
        Ok(Self { folder: folder.to_owned(), name, piece, pieces, thread })
    }

    pub(super) async fn line(&mut self, line: &[u8]) -> Result<(), BackupError> {
        self.piece.extend_from_slice(line);
        if self.piece.len() >= PIECE {
            self.flush().await;
        }
        Ok(())
    }

    /// Should the thread have failed, [`Writer::finish`] says why.
    async fn flush(&mut self) {
        let _ = self.pieces.send(std::mem::take(&mut self.piece)).await;
    }

    /// Puts the file, and its checksum, in place.
    pub(super) async fn finish(mut self, manifest: Manifest) -> Result<BackupFile, BackupError> {
        self.flush().await;
        let Self { folder, name, pieces, thread, .. } = self;
        drop(pieces);
        let path = folder.join(&name);
        let written = thread.await.map_err(io::Error::other).and_then(|written| written);
        let (file, hash) = written.map_err(at("write", &path))?;
        let sum = sum_of(&path);
        fs::write(&sum, format!("{hash}  {name}\n")).map_err(at("write", &sum))?;
        file.persist(&path).map_err(|error| at("write", &path)(error.error))?;
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(at("write", &folder))?;
        let bytes = fs::metadata(&path).map_err(at("read", &path))?.len();
        Ok(BackupFile { path, bytes, manifest })
    }
}

/// A file that knows the hash of what was written to it.
struct Hashing {
    file: tempfile::NamedTempFile,
    hash: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads a backup line by line.
pub(super) struct Reader {
    path: PathBuf,
    lines: BufReader<GzDecoder<File>>,
    manifest: Manifest,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, BackupError> {
        let file = File::open(path).map_err(at("read", path))?;
        let mut lines = BufReader::new(GzDecoder::new(file));
        let broken = |why: String| BackupError::Broken { path: path.to_owned(), why };
        let line = read_line(&mut lines, MANIFEST).map_err(|error| broken(error.to_string()))?;
        let manifest: Manifest =
            serde_json::from_str(&line).map_err(|_| broken("it does not begin as one".to_owned()))?;
        if manifest.format != FORMAT {
            return Err(broken(format!("its format is {}, and this version reads {FORMAT}", manifest.format)));
        }
        Ok(Self { path: path.to_owned(), lines, manifest })
    }

    /// The next row, which has to be of this table.
    pub(super) fn row(&mut self, table: &Table) -> Result<Vec<Value>, BackupError> {
        let line = read_line(&mut self.lines, ROW).map_err(|error| self.broken(error.to_string()))?;
        let row: Vec<Value> = serde_json::from_str(&line)
            .map_err(|_| self.broken(format!("it ends, or breaks off, within {}", table.name)))?;
        match row.split_first() {
            Some((name, values)) if *name == table.name && values.len() == table.columns.len() => Ok(values.to_vec()),
            _ => Err(self.broken(format!("a row of {} is expected, and is not there", table.name))),
        }
    }

    fn broken(&self, why: String) -> BackupError {
        BackupError::Broken { path: self.path.clone(), why }
    }
}

/// Reads a backup to its end, and compares it with its checksum where that lies beside it.
///
/// # Errors
/// It cannot be read, or is not whole.
pub fn verify(path: &Path) -> Result<Manifest, BackupError> {
    let sum = sum_of(path);
    if let Ok(text) = fs::read_to_string(&sum) {
        let mut file = File::open(path).map_err(at("read", path))?;
        let (mut hash, mut part) = (Sha256::new(), vec![0; PIECE]);
        loop {
            match file.read(&mut part).map_err(at("read", path))? {
                0 => break,
                count => hash.update(&part[..count]),
            }
        }
        if text.split_whitespace().next() != Some(hex(&hash.finalize()).as_str()) {
            let why = format!("it is not what {} has the checksum of", sum.display());
            return Err(BackupError::Broken { path: path.to_owned(), why });
        }
    }
    let mut reader = Reader::open(path)?;
    for table in reader.manifest.tables.clone() {
        for _ in 0..table.rows {
            reader.row(&table)?;
        }
    }
    match reader.lines.read(&mut [0]) {
        Ok(0) => Ok(reader.manifest),
        Ok(_) => Err(reader.broken("more follows after its end".to_owned())),
        Err(error) => Err(reader.broken(error.to_string())),
    }
}

/// The backups in a folder, newest first; what is none is left out. A folder that is not there has none.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<BackupFile>, BackupError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at("read", folder)(error)),
    };
    let mut files: Vec<BackupFile> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(BEGINS) && name.ends_with(ENDS)
        })
        .filter_map(|entry| {
            let path = entry.path();
            let manifest = Reader::open(&path).ok()?.manifest;
            Some(BackupFile { bytes: entry.metadata().ok()?.len(), path, manifest })
        })
        .collect();
    files.sort_unstable_by_key(|file| std::cmp::Reverse(file.manifest.at_ms));
    Ok(files)
}

impl BackupFile {
    /// Removes the file and its checksum.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&self) -> Result<(), BackupError> {
        fs::remove_file(&self.path).map_err(at("remove", &self.path))?;
        let _ = fs::remove_file(sum_of(&self.path));
        Ok(())
    }
}

/// A line of so many bytes at most: a small file may be unpacked into any number of them.
fn read_line(lines: &mut impl BufRead, most: u64) -> io::Result<String> {
    let mut line = String::new();
    lines.take(most).read_line(&mut line)?;
    Ok(line)
}

fn sum_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { doing, path, source }
}
