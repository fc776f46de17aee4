//! A disk to break: an ext4 file system on a loop device.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::home::Home;
use crate::{clock, shell};

/// Longest wait until nobody uses a file system any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mounted file system. Dropping it unmounts it and removes its image.
#[derive(Debug)]
pub(crate) struct Volume {
    image: PathBuf,
    device: String,
    mount_point: PathBuf,
}

impl Volume {
    /// Makes and mounts a file system of `bytes`.
    pub(crate) fn new(home: &Home, bytes: u64) -> Result<Self> {
        let image = home.path().join("disk.img");
        let mount_point = home.path().join("disk");
        fs::create_dir_all(&mount_point)?;
        fs::File::create(&image)?.set_len(bytes)?;
        shell::run("mkfs.ext4", &[&"-q", &"-F", &"-m", &"0", &image])?;
        let device = shell::run("losetup", &[&"--find", &"--show", &image])
            .context("no loop device; root is needed")?;
        ensure!(
            device.starts_with("/dev/loop"),
            "{device} is no loop device"
        );
        let volume = Self {
            image,
            device,
            mount_point,
        };
        volume.mount()?;
        Ok(volume)
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.mount_point
    }

    /// Numbers of the device, `major:minor`.
    pub(crate) fn device_numbers(&self) -> Result<String> {
        let device = fs::metadata(&self.device)?.rdev();
        Ok(format!(
            "{}:{}",
            rustix::fs::major(device),
            rustix::fs::minor(device)
        ))
    }

    /// Mounts it; the journal is replayed, as after a power cut.
    pub(crate) fn mount(&self) -> Result<()> {
        let options = "errors=remount-ro,nodiscard";
        shell::run("mount", &[&"-o", &options, &self.device, &self.mount_point])?;
        Ok(())
    }

    /// Unmounts it, as soon as nobody uses it.
    pub(crate) fn unmount(&self) -> Result<()> {
        let started = clock::now();
        loop {
            match shell::run("umount", &[&self.mount_point]) {
                Ok(_) => return Ok(()),
                Err(error) if started.elapsed() > PATIENCE => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Gets ready to cut the power.
    pub(crate) fn switch(&self) -> Result<Switch> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cut_power.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(&self.mount_point)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run python3")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("a pipe")?;
        BufReader::new(stdout).read_line(&mut line)?;
        if line != "ready\n" {
            let output = child.wait_with_output()?;
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(Switch(child))
    }

    /// The kernel finds the file system damaged, and makes it read-only.
    pub(crate) fn turn_read_only(&self) -> Result<()> {
        let name = self.device.trim_start_matches("/dev/");
        let trigger = format!("/sys/fs/ext4/{name}/trigger_fs_error");
        fs::write(&trigger, "1").context(trigger)?;
        Ok(())
    }

    /// Checks and repairs it while it is not mounted.
    pub(crate) fn repair(&self) -> Result<()> {
        // It ends with 1 when it has repaired something.
        let repaired = Command::new("e2fsck")
            .args(["-p", "-f", &self.device])
            .output()
            .context("cannot run e2fsck")?;
        match repaired.status.code() {
            Some(0 | 1) => Ok(()),
            _ => bail!("e2fsck: {}", String::from_utf8_lossy(&repaired.stdout)),
        }
    }

    /// Bytes that are free.
    pub(crate) fn free_bytes(&self) -> Result<u64> {
        let space = rustix::fs::statvfs(&self.mount_point)?;
        Ok(space.f_bavail * space.f_frsize)
    }

    /// Takes all room but `left` bytes; [`Volume::empty_ballast`] gives it back.
    pub(crate) fn fill(&self, left: u64) -> Result<()> {
        let bytes = self.free_bytes()?.saturating_sub(left);
        let path = self.ballast();
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        let length = file.metadata()?.len();
        let flags = rustix::fs::FallocateFlags::empty();
        match rustix::fs::fallocate(&file, flags, length, bytes.max(1)) {
            // The server took the last bytes in between: all the better.
            Ok(()) | Err(rustix::io::Errno::NOSPC) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the room back.
    pub(crate) fn empty_ballast(&self) -> Result<()> {
        fs::remove_file(self.ballast())?;
        Ok(())
    }

    fn ballast(&self) -> PathBuf {
        self.mount_point.join("ballast")
    }
}

/// Cuts the power of a volume at once.
#[derive(Debug)]
pub(crate) struct Switch(Child);

impl Switch {
    /// The power goes: what was not synced is lost, later calls fail.
    pub(crate) fn cut(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        let output = self.0.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{said}");
        Ok(())
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // What fails here is tried again when the home goes, with all that is mounted in it.
        let _ = self.unmount();
        let _ = shell::run("losetup", &[&"--detach", &self.device]);
        let _ = fs::remove_file(&self.image);
    }
}
