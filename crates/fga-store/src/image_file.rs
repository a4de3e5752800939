//! Images of stores in files: what makes a start fast. They may be lost at any time.
//!
//! | part | bytes |
//! |---|---|
//! | mark | 8 |
//! | id of the store | 26 |
//! | image, as the engine writes it | |
//! | BLAKE3 of everything before | 32 |

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blake3::Hasher;
use ztag_fga::{Limits, Restore, Revision, Store};
use ztag_types::Clock;

use crate::folder;
use crate::store_id::StoreId;

/// The beginning of every image; the digit changes when the envelope does.
const MARK: &[u8; 8] = b"ZTAGIMG1";
/// Bytes that are read or written at once.
const BUFFER: usize = 1 << 20;

/// Where the image of a store is.
pub(crate) fn path(folder: &Path, id: &StoreId) -> PathBuf {
    folder.join(format!("{id}.image"))
}

/// Writes an image of what is there now. It takes the place of the one before when it is whole and
/// on the disk.
pub(crate) fn write(folder: &Path, id: &StoreId, store: &Store) -> io::Result<Revision> {
    let draft = folder.join(format!("{id}.image.new"));
    let _ = fs::remove_file(&draft);
    let written = write_draft(&draft, id, store);
    match written {
        Ok(revision) => {
            folder::put_in_place(&draft, &path(folder, id))?;
            Ok(revision)
        }
        Err(error) => {
            let _ = fs::remove_file(&draft);
            Err(error)
        }
    }
}

fn write_draft(draft: &Path, id: &StoreId, store: &Store) -> io::Result<Revision> {
    let file = folder::create_new_private(draft)?;
    let mut out = BufWriter::with_capacity(BUFFER, Hashing::new(file));
    out.write_all(MARK)?;
    out.write_all(id.as_str().as_bytes())?;
    let revision = store.write_image(&mut out)?;
    let mut hashing = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    let hash = hashing.hasher.finalize();
    hashing.inner.write_all(hash.as_bytes())?;
    hashing.inner.sync_all()?;
    Ok(revision)
}

/// Reads the image of a store; `None` where there is none.
///
/// # Errors
/// An image that is torn, of another store, or of another version.
pub(crate) fn read(
    folder: &Path,
    id: &StoreId,
    limits: &Limits,
    clock: &Arc<dyn Clock>,
) -> io::Result<Option<Restore>> {
    let file = match File::open(path(folder, id)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let hashed = length.checked_sub(blake3::OUT_LEN as u64);
    let hashed = hashed.ok_or_else(|| broken("too short"))?;
    let mut hashing = Hashing::new(file);
    let mut image = BufReader::with_capacity(BUFFER, Read::take(&mut hashing, hashed));
    let mut head = [0; MARK.len() + StoreId::LENGTH];
    image.read_exact(&mut head)?;
    let (mark, own) = head.split_at(MARK.len());
    if mark != MARK || own != id.as_str().as_bytes() {
        return Err(broken("of another store or version"));
    }
    let restore = Restore::from_image(limits.clone(), Arc::clone(clock), &mut image)?;
    if image.read(&mut [0])? != 0 {
        return Err(broken("longer than it says"));
    }
    drop(image);
    let mut written = [0; blake3::OUT_LEN];
    let found = hashing.hasher.finalize();
    hashing.inner.read_exact(&mut written)?;
    if found != written {
        return Err(broken("torn"));
    }
    Ok(Some(restore))
}

/// Removes the image of a store that is gone.
pub(crate) fn remove(folder: &Path, id: &StoreId) {
    // Whatever is left lies there until somebody looks: nobody reads it.
    let _ = fs::remove_file(path(folder, id));
}

fn broken(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the image is {why}"))
}

/// Hashes what goes through.
struct Hashing {
    inner: File,
    hasher: Hasher,
}

impl Hashing {
    fn new(inner: File) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
        }
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Read for Hashing {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }
}
