//! A disk in memory that keeps only what was synced, and loses power whenever a test wants it to.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;

use crate::store::{Dir, Kind, Log, ReadError, Stamp};

#[derive(Debug, Clone, Default)]
struct Inode {
    now: Vec<u8>,
    /// What a loss of power leaves.
    synced: Vec<u8>,
    version: i64,
    /// Changes with names, too, as a file's second time does.
    named: i64,
}

#[derive(Debug, Clone, Default)]
struct Names {
    now: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
}

/// What a disk does besides keeping bytes.
#[derive(Debug, Clone, Default)]
struct State {
    inodes: Vec<Inode>,
    dirs: BTreeMap<&'static str, Names>,
    /// Operations so far.
    operations: u64,
    /// The power goes before the operation of this number, counted from 0.
    cut: Option<u64>,
    dark: bool,
    /// The operation of this number fails, and nothing else.
    fail: Option<u64>,
    /// Nothing can be written.
    full: bool,
    writes: i64,
}

/// A disk with some directories.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

/// What a loss of power does to what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// All of it is lost.
    Everything,
    /// None of it is: the process was killed, the system goes on.
    Nothing,
    /// Each name and each content by itself, as the bits of a number say.
    Some(u64),
}

impl Disk {
    fn state<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }

    /// A directory on it.
    pub(crate) fn dir(&self, name: &'static str) -> Arc<dyn Dir> {
        self.state(|state| state.dirs.entry(name).or_default().clone());
        Arc::new(SimDir {
            disk: self.clone(),
            name,
        })
    }

    /// Operations so far.
    pub(crate) fn operations(&self) -> u64 {
        self.state(|state| state.operations)
    }

    /// The power goes before the operation of this number, counted from 0.
    pub(crate) fn cut_before(&self, operation: u64) {
        self.state(|state| state.cut = Some(operation));
    }

    /// The operation of this number, counted from 0, fails: a bad block, a cable.
    pub(crate) fn fail_at(&self, operation: u64) {
        self.state(|state| state.fail = Some(operation));
    }

    /// Whether the power has gone.
    pub(crate) fn is_dark(&self) -> bool {
        self.state(|state| state.dark)
    }

    /// Whether it takes no more bytes.
    pub(crate) fn set_full(&self, full: bool) {
        self.state(|state| state.full = full);
    }

    /// What is there when the power is back.
    pub(crate) fn after(&self, loss: Loss) -> Self {
        let mut state = self.state(|state| state.clone());
        let mut bits = match loss {
            Loss::Some(bits) => bits | 1,
            _ => 1,
        };
        let mut kept = || match loss {
            Loss::Everything => false,
            Loss::Nothing => true,
            Loss::Some(_) => {
                bits ^= bits << 13;
                bits ^= bits >> 7;
                bits ^= bits << 17;
                bits & 4 != 0
            }
        };
        for names in state.dirs.values_mut() {
            let all: Vec<String> = names.now.keys().chain(names.synced.keys()).cloned().collect();
            for name in all {
                let (now, synced) = (names.now.get(&name).copied(), names.synced.get(&name).copied());
                let left = if now == synced || kept() { now } else { synced };
                match left {
                    Some(inode) => drop(names.now.insert(name, inode)),
                    None => drop(names.now.remove(&name)),
                }
            }
            names.synced = names.now.clone();
        }
        for inode in &mut state.inodes {
            if inode.now != inode.synced && !kept() {
                // Half of it may have reached the disk.
                let torn = inode.now.len().min(inode.synced.len() + 7);
                inode.now = match inode.now.starts_with(&inode.synced) && kept() {
                    true => inode.now[..torn].to_vec(),
                    false => inode.synced.clone(),
                };
            }
            inode.synced = inode.now.clone();
        }
        (state.cut, state.dark, state.fail, state.full) = (None, false, None, false);
        Self(Arc::new(Mutex::new(state)))
    }

    /// The files of a directory whose names end in `.rules`: what the tool reads, also without the daemon's knowledge.
    pub(crate) fn rules(&self, dir: &str) -> BTreeMap<String, String> {
        self.state(|state| {
            let names = state.dirs[dir].now.iter();
            let rules = names.filter(|(name, _)| name.ends_with(".rules") && !name.starts_with('.'));
            rules
                .map(|(name, inode)| {
                    let content = String::from_utf8(state.inodes[*inode].now.clone()).unwrap();
                    (name.clone(), content)
                })
                .collect()
        })
    }

    /// All names of a directory.
    pub(crate) fn names(&self, dir: &str) -> Vec<String> {
        self.state(|state| state.dirs[dir].now.keys().cloned().collect())
    }

    /// Writes or removes a file by hand, durably, whatever happens to the daemon.
    pub(crate) fn by_hand(&self, dir: &'static str, name: &str, content: Option<&str>) {
        self.state(|state| {
            state.writes += 1;
            let inode = content.map(|content| {
                state.inodes.push(Inode {
                    now: content.into(),
                    synced: content.into(),
                    version: state.writes,
                    named: 0,
                });
                state.inodes.len() - 1
            });
            let names = state.dirs.entry(dir).or_default();
            for names in [&mut names.now, &mut names.synced] {
                match inode {
                    Some(inode) => drop(names.insert(name.to_owned(), inode)),
                    None => drop(names.remove(name)),
                }
            }
        });
    }
}

impl State {
    fn step(&mut self) -> io::Result<()> {
        if self.cut == Some(self.operations) {
            self.dark = true;
        }
        if self.dark {
            return Err(io::Error::other("no power"));
        }
        self.operations += 1;
        if self.fail == Some(self.operations - 1) {
            return Err(Errno::EIO.into());
        }
        Ok(())
    }

    fn room(&self) -> io::Result<()> {
        if self.full {
            Err(Errno::ENOSPC.into())
        } else {
            Ok(())
        }
    }

    fn find(&self, dir: &str, name: &str) -> Option<usize> {
        self.dirs[dir].now.get(name).copied()
    }

    fn enter(&mut self, dir: &str, name: &str, inode: usize) {
        self.dirs.get_mut(dir).unwrap().now.insert(name.to_owned(), inode);
    }
}

#[derive(Debug)]
struct SimDir {
    disk: Disk,
    name: &'static str,
}

impl SimDir {
    /// One operation: it happens, or the power has gone before it.
    fn step<R>(&self, work: impl FnOnce(&mut State, &str) -> io::Result<R>) -> io::Result<R> {
        self.disk.state(|state| {
            state.step()?;
            work(state, self.name)
        })
    }
}

impl Dir for SimDir {
    fn names(&self) -> io::Result<Vec<(String, Kind)>> {
        self.disk.state(|state| {
            let names = state.dirs[self.name].now.keys();
            Ok(names.map(|name| (name.clone(), Kind::File)).collect())
        })
    }

    fn read(&self, name: &str, limit: u64, _: bool) -> Result<Option<Vec<u8>>, ReadError> {
        self.disk.state(|state| {
            let content = state
                .find(self.name, name)
                .map(|inode| state.inodes[inode].now.clone());
            match content {
                Some(content) if content.len() as u64 > limit => Err(ReadError::TooLarge(name.to_owned())),
                content => Ok(content),
            }
        })
    }

    fn stamp(&self, name: &str) -> io::Result<Option<Stamp>> {
        self.disk.state(|state| {
            let stamp = |inode: usize| Stamp {
                words: [
                    inode as i64,
                    0,
                    state.inodes[inode].version,
                    0,
                    state.inodes[inode].named,
                    0,
                ],
                settled: true,
            };
            Ok(state.find(self.name, name).map(stamp))
        })
    }

    fn write_all(&self, files: &[(String, &[u8])], _: bool) -> io::Result<()> {
        let mut inodes = Vec::new();
        for (name, content) in files {
            inodes.push(self.step(|state, dir| {
                state.room()?;
                state.writes += 1;
                let version = state.writes;
                state.inodes.push(Inode {
                    now: content.to_vec(),
                    synced: Vec::new(),
                    version,
                    named: 0,
                });
                let inode = state.inodes.len() - 1;
                state.enter(dir, name, inode);
                Ok(inode)
            })?);
        }
        for ((_, content), inode) in files.iter().zip(inodes) {
            self.step(|state, _| {
                state.inodes[inode].synced = content.to_vec();
                Ok(())
            })?;
        }
        Ok(())
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.step(|state, dir| {
            let inode = state.find(dir, from).ok_or(Errno::ENOENT)?;
            if state.find(dir, to).is_some() {
                return Err(Errno::EEXIST.into());
            }
            state.enter(dir, to, inode);
            state.inodes[inode].named += 1;
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step(|state, dir| {
            let inode = state.find(dir, from).ok_or(Errno::ENOENT)?;
            // POSIX: a rename between two links of one file does nothing.
            if state.find(dir, to) != Some(inode) {
                state.dirs.get_mut(dir).unwrap().now.remove(from);
                state.enter(dir, to, inode);
                state.inodes[inode].named += 1;
            }
            Ok(())
        })
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        self.step(|state, dir| {
            if let Some(inode) = state.dirs.get_mut(dir).unwrap().now.remove(name) {
                state.inodes[inode].named += 1;
            }
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.step(|state, dir| {
            let names = state.dirs.get_mut(dir).unwrap();
            names.synced = names.now.clone();
            Ok(())
        })
    }

    fn log(&self, name: &str) -> io::Result<Box<dyn Log>> {
        let inode = self.step(|state, dir| {
            if let Some(inode) = state.find(dir, name) {
                return Ok(inode);
            }
            state.inodes.push(Inode::default());
            let inode = state.inodes.len() - 1;
            state.enter(dir, name, inode);
            Ok(inode)
        })?;
        self.sync()?;
        Ok(Box::new(SimLog {
            disk: self.disk.clone(),
            inode,
        }))
    }
}

#[derive(Debug)]
struct SimLog {
    disk: Disk,
    inode: usize,
}

impl SimLog {
    fn step(&self, work: impl FnOnce(&mut Inode)) -> io::Result<()> {
        self.disk.state(|state| {
            state.step()?;
            work(&mut state.inodes[self.inode]);
            Ok(())
        })
    }
}

impl Log for SimLog {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.disk.state(|state| state.inodes[self.inode].now.clone()))
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.step(|inode| inode.now.truncate(usize::try_from(length).unwrap()))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.state(|state| state.room())?;
        self.step(|inode| inode.now.extend(bytes))?;
        self.step(|inode| inode.synced = inode.now.clone())
    }

    fn reserve(&mut self, _: u64, _: u64) -> io::Result<()> {
        self.disk.state(|state| state.room())
    }
}
