//! Files that are never synced: the control arm of crash tests, which must lose data. For nothing else.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{DirEntry, DiskSpace, File, FileSystem};

/// Another file system whose syncs do nothing.
pub(super) struct UnsyncedFiles(pub(super) Arc<dyn FileSystem>);

#[derive(Debug)]
struct UnsyncedFile(Arc<dyn File>);

fn unsynced(file: Arc<dyn File>) -> Arc<dyn File> {
    Arc::new(UnsyncedFile(file))
}

impl FileSystem for UnsyncedFiles {
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.0.create_new(path).map(unsynced)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.0.open(path)
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.0.open_write(path).map(unsynced)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Arc<dyn File>>> {
        self.0.lock(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.0.list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.0.create_dir_all(dir)
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn space(&self, dir: &Path) -> io::Result<DiskSpace> {
        self.0.space(dir)
    }
}

impl File for UnsyncedFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.0.preallocate(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }
}
