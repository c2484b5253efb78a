//! The files of the history: which there are, which is written, and which go.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::segment::{self, Row, Segment, Series, Trouble};
use crate::metrics::Process;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Records stay at least so long, in nanoseconds, unless there is no room for them.
    pub(super) age: u64,
    /// All files together, in bytes on the disk.
    pub(super) bytes: u64,
}

impl Limits {
    /// Parts that the age and the size are divided into. Whole files go, so a file is the least that can be dropped.
    const PARTS: u64 = 8;
}

/// Files that are open, the oldest first. What writes replaces the list, what reads takes a copy.
#[derive(Debug, Default)]
pub(super) struct Open(Mutex<Arc<[Arc<Segment>]>>);

impl Open {
    /// Those of now.
    pub(super) fn all(&self) -> Arc<[Arc<Segment>]> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, segments: &BTreeMap<u64, Arc<Segment>>) {
        let all = segments.values().map(Arc::clone).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = all;
    }
}

/// Damaged files that are kept to be looked at; when there are more, the oldest go.
const DAMAGED: usize = 2;

/// The end of the name of a file, and of one that is damaged.
const END: &str = ".redb";
const DAMAGED_END: &str = ".redb.damaged";

/// All files of one controller in a directory.
#[derive(Debug)]
pub(super) struct Shelf {
    directory: PathBuf,
    /// What the names of the files begin with.
    prefix: String,
    limits: Limits,
    open: Arc<Open>,
    segments: BTreeMap<u64, Arc<Segment>>,
    /// Files that are not open.
    shut: BTreeMap<u64, PathBuf>,
    /// The number of the next file.
    next: u64,
    counts: Arc<crate::metrics::Metrics>,
}

impl Shelf {
    /// The files of the controller `id`, none of which is opened yet. Fails never: what is not there can be made.
    pub(super) fn new(
        directory: &Path,
        id: &str,
        limits: Limits,
        open: Arc<Open>,
        counts: Arc<crate::metrics::Metrics>,
    ) -> Self {
        let mut shelf = Self {
            directory: directory.to_owned(),
            prefix: format!("{id}.history-"),
            limits,
            open,
            segments: BTreeMap::new(),
            shut: BTreeMap::new(),
            next: 1,
            counts,
        };
        shelf.shut = shelf.files(END).into_iter().collect();
        let damaged = shelf.files(DAMAGED_END);
        let numbers = shelf.shut.keys().chain(damaged.iter().map(|(number, _)| number));
        shelf.next = numbers.max().map_or(1, |last| last.saturating_add(1));
        shelf
    }

    fn counts(&self) -> &Process {
        &self.counts.process
    }

    /// Files whose names end so, with their numbers, the oldest first.
    fn files(&self, end: &str) -> Vec<(u64, PathBuf)> {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        let number = |path: &Path| {
            let name = path.file_name()?.to_str()?;
            let number = name.strip_prefix(&self.prefix)?.strip_suffix(end)?;
            number.parse::<u64>().ok()
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut files: Vec<_> = paths.filter_map(|path| Some((number(&path)?, path))).collect();
        files.sort();
        files
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{}{number:06}{END}", self.prefix))
    }

    /// Opens the newest file that is not open; false when there is none. What is damaged is moved aside.
    ///
    /// # Errors
    /// It cannot be opened now.
    pub(super) fn open_next(&mut self) -> Result<bool, Trouble> {
        let Some((number, path)) = self.shut.pop_last() else {
            return Ok(false);
        };
        match Segment::open(&path, number) {
            Ok(segment) => {
                self.segments.insert(number, Arc::new(segment));
                self.open.replace(&self.segments);
            }
            Err(Trouble::Damaged(why)) => self.move_aside(&path, &why),
            Err(trouble) => {
                self.shut.insert(number, path);
                return Err(trouble);
            }
        }
        Ok(true)
    }

    /// Whether the newest file, which is the one to be written, is open, or there is none.
    pub(super) fn is_ready(&self) -> bool {
        let newest = |shut: Option<&u64>, open: Option<&u64>| shut < open || shut.is_none();
        newest(
            self.shut.last_key_value().map(|(number, _)| number),
            self.segments.last_key_value().map(|(number, _)| number),
        )
    }

    /// The greatest id of a series in what is open.
    pub(super) fn last_id(&self, series: Series) -> Option<u64> {
        let mut newest = self.segments.values().rev();
        newest.find_map(|segment| Some(segment.span(series).ids?.1))
    }

    /// Adds records.
    ///
    /// # Errors
    /// None of them is there, or what was said of it got lost.
    pub(super) fn write(&mut self, rows: &[(Series, Row)]) -> Result<(), Trouble> {
        let Some(newest) = rows.iter().map(|(_, row)| row.time).max() else {
            return Ok(());
        };
        let number = self.current(newest)?;
        self.write_to(number, rows)?;
        self.counts().history_written.add(rows.len() as u64);
        Ok(())
    }

    /// Replaces records, those that are there.
    ///
    /// # Errors
    /// Some of them are as they were.
    pub(super) fn replace(&mut self, rows: Vec<(Series, Row)>) -> Result<(), Trouble> {
        let mut by_file: BTreeMap<u64, Vec<(Series, Row)>> = BTreeMap::new();
        for (series, row) in rows {
            if let Some(number) = self.file_of(series, row.id) {
                by_file.entry(number).or_default().push((series, row));
            }
        }
        by_file
            .into_iter()
            .try_for_each(|(number, rows)| self.write_to(number, &rows))
    }

    /// The file that has this id.
    fn file_of(&self, series: Series, id: u64) -> Option<u64> {
        let has = |segment: &&Arc<Segment>| {
            let ids = segment.span(series).ids;
            ids.is_some_and(|(first, last)| (first..=last).contains(&id))
        };
        self.segments.values().find(has).map(|segment| segment.number)
    }

    fn write_to(&mut self, number: u64, rows: &[(Series, Row)]) -> Result<(), Trouble> {
        let Some(segment) = self.segments.get(&number) else {
            return Ok(());
        };
        let written = segment.write(rows);
        if let Err(trouble) = &written {
            let path = segment.path.clone();
            // After an error a database takes nothing more until it is opened again.
            self.segments.remove(&number);
            self.open.replace(&self.segments);
            match trouble {
                Trouble::Damaged(why) => self.move_aside(&path, why),
                Trouble::Unavailable(_) => drop(self.shut.insert(number, path)),
            }
        }
        written
    }

    /// The file that takes a record of this moment: the newest, unless it is old or large enough.
    fn current(&mut self, time: u64) -> Result<u64, Trouble> {
        if let Some((number, newest)) = self.segments.last_key_value() {
            let began = newest.times().map_or(time, |(earliest, _)| earliest);
            let is_old = time.saturating_sub(began) >= self.limits.age / Limits::PARTS;
            if !is_old && newest.bytes() < self.limits.bytes / Limits::PARTS {
                return Ok(*number);
            }
        }
        // A file of this name would be lost, had the directory not told of it.
        while self.path(self.next).exists() {
            self.next = self.next.saturating_add(1);
        }
        let number = self.next;
        let path = self.path(number);
        let segment = Segment::create(&path, number)?;
        self.next = number.saturating_add(1);
        self.segments.insert(number, Arc::new(segment));
        self.open.replace(&self.segments);
        Ok(number)
    }

    /// Puts a file where it does no harm and can be looked at.
    fn move_aside(&self, path: &Path, why: &str) {
        let aside = path.with_extension("redb.damaged");
        let moved = fs::rename(path, &aside);
        let moved = moved.map_or_else(|error| error.to_string(), |()| aside.display().to_string());
        self.counts().history_damaged.inc();
        tracing::warn!(file = %path.display(), error = why, moved, "this part of the history cannot be used, and is moved aside");
        let damaged = self.files(DAMAGED_END);
        for (_, path) in damaged.iter().take(damaged.len().saturating_sub(DAMAGED)) {
            remove(path);
        }
    }

    /// Drops what is too old, and the oldest until all is small enough; moves aside what readers have found to be damaged.
    pub(super) fn tidy(&mut self, now: u64) {
        let damaged = self.segments.values().filter(|segment| segment.is_damaged());
        for number in damaged.map(|segment| segment.number).collect::<Vec<_>>() {
            if let Some(segment) = self.segments.remove(&number) {
                self.move_aside(&segment.path, "a part of it cannot be read");
            }
        }
        let is_over = |segment: &Segment| {
            let last = segment.times().map(|(_, latest)| latest);
            last.is_some_and(|last| last.saturating_add(self.limits.age) < now)
        };
        let over = self.segments.values().filter(|segment| is_over(segment));
        for number in over.map(|segment| segment.number).collect::<Vec<_>>() {
            self.drop_file(number);
        }
        self.shrink();
        self.open.replace(&self.segments);
        let oldest = self.segments.values().filter_map(|segment| segment.times());
        let oldest = oldest.map(|(earliest, _)| earliest).min().unwrap_or_default();
        self.counts().history_oldest.set(oldest / 1_000_000_000);
    }

    /// Drops the oldest files until the rest leaves room for the one that is written to grow.
    fn shrink(&mut self) {
        let part = self.limits.bytes / Limits::PARTS;
        let mut damaged = self.files(DAMAGED_END).into_iter().map(|(_, path)| path);
        let mut files: VecDeque<u64> = self.segments.keys().chain(self.shut.keys()).copied().collect();
        files.make_contiguous().sort_unstable();
        let newest = files.pop_back();
        loop {
            let all = [self.files(END), self.files(DAMAGED_END)].concat();
            let of = |(number, path): &(u64, PathBuf)| match Some(*number) == newest {
                true => 0,
                false => segment::on_disk(path),
            };
            // The newest may come to one part, and to a batch more before that is seen.
            if all.iter().map(of).sum::<u64>() <= self.limits.bytes.saturating_sub(2 * part) {
                let bytes = all.iter().map(|(_, path)| segment::on_disk(path)).sum();
                return self.counts().history_bytes.set(bytes);
            }
            match damaged.next() {
                Some(path) => remove(&path),
                None => match files.pop_front() {
                    Some(number) => self.drop_file(number),
                    None => return,
                },
            }
        }
    }

    fn drop_file(&mut self, number: u64) {
        let path = self.segments.remove(&number).map(|segment| segment.path.clone());
        if let Some(path) = path.or_else(|| self.shut.remove(&number)) {
            remove(&path);
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(file = %path.display(), %error, "cannot be removed");
    }
}
