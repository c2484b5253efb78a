//! One file of the history: a redb database that is checked as a whole whenever it is opened.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use redb::{Builder, Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};

/// What is kept: each has ids of its own, which grow with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// What was decided.
    Decisions,
    /// Thresholds that were passed.
    Events,
}

impl Series {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Decisions, Self::Events];

    const fn table(self) -> TableDefinition<'static, u64, &'static [u8]> {
        TableDefinition::new(match self {
            Self::Decisions => "decisions",
            Self::Events => "events",
        })
    }
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id in its series.
    pub id: u64,
    /// When, in nanoseconds since 1970 (UTC).
    pub time: u64,
    /// The document, as the API answers it.
    pub json: Vec<u8>,
}

/// Why something cannot be done with a file.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Its content is not what was written.
    Damaged(String),
    /// It may be possible later: the disk is full, somebody else has it.
    Unavailable(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(why) | Self::Unavailable(why) => f.write_str(why),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        // What is behind a bad sector is gone.
        let is_damage = matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
            || error.raw_os_error() == Some(Errno::EIO as i32);
        match is_damage {
            true => Self::Damaged(error.to_string()),
            false => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<redb::Error> for Trouble {
    fn from(error: redb::Error) -> Self {
        use redb::Error;
        match error {
            Error::Io(error) => Self::from(error),
            Error::DatabaseAlreadyOpen => Self::Unavailable("another process has it open".to_owned()),
            error @ (Error::PreviousIo | Error::DatabaseClosed | Error::Unsupported) => {
                Self::Unavailable(error.to_string())
            }
            error => Self::Damaged(error.to_string()),
        }
    }
}

macro_rules! troubles {
    ($($error:ty)*) => {
        $(impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                Self::from(redb::Error::from(error))
            }
        })*
    };
}

troubles! { redb::DatabaseError redb::TransactionError redb::TableError redb::StorageError redb::CommitError }

/// Lets a panic over what a file holds be the file's trouble alone. The check at opening finds damage; this is for what happens
/// to a file afterwards.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err(Trouble::Damaged("its structure makes no sense".to_owned())))
}

/// What a file has of a series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) ids: Option<(u64, u64)>,
    /// The least and the greatest, since ids of two runs are in order when their clocks are not.
    pub(super) times: Option<(u64, u64)>,
}

impl Span {
    fn add(&mut self, id: u64, time: u64) {
        let wider = |span: Option<(u64, u64)>, value: u64| {
            let (least, greatest) = span.unwrap_or((value, value));
            Some((least.min(value), greatest.max(value)))
        };
        (self.ids, self.times) = (wider(self.ids, id), wider(self.times, time));
    }
}

/// Which records of a series are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    /// Only ids below.
    pub before: Option<u64>,
    /// Only from this moment on, in nanoseconds since 1970 (UTC).
    pub from: Option<u64>,
    /// Only before this moment.
    pub until: Option<u64>,
}

impl Range {
    /// Whether a moment is in it.
    pub fn holds(&self, time: u64) -> bool {
        self.from.is_none_or(|from| time >= from) && self.until.is_none_or(|until| time < until)
    }

    fn meets(&self, span: Span) -> bool {
        let (Some((first, _)), Some((earliest, latest))) = (span.ids, span.times) else {
            return false;
        };
        self.before.is_none_or(|before| first < before)
            && self.from.is_none_or(|from| latest >= from)
            && self.until.is_none_or(|until| earliest < until)
    }
}

/// The form of the files. Another one cannot be read, and is moved aside.
const FORMAT: u64 = 1;
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");

/// Memory for pages of one file: some transactions of 512 records, or a page of an answer.
const CACHE: usize = 2 << 20;

/// Bytes of a value before the document: its time.
const HEAD: usize = 8;

/// An open file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    database: Database,
    spans: Mutex<[Span; 2]>,
    damaged: AtomicBool,
}

fn parts(value: &[u8]) -> Result<(u64, &[u8]), Trouble> {
    let (head, json) = value
        .split_first_chunk::<HEAD>()
        .ok_or_else(|| Trouble::Damaged("a record is too short".to_owned()))?;
    Ok((u64::from_le_bytes(*head), json))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    builder
}

impl Segment {
    /// A new file. It has its name when it is whole.
    pub(super) fn create(path: &Path, number: u64) -> Result<Self, Trouble> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let new = path.with_extension("redb.new");
        guarded(|| {
            let mut options = OpenOptions::new();
            // For its owner alone: who did what is in it.
            options.write(true).create(true).truncate(true).mode(0o600);
            drop(options.open(&new)?);
            let database = builder().create(&new)?;
            let begun = database.begin_write()?;
            begun.open_table(ABOUT)?.insert("format", FORMAT)?;
            for series in Series::ALL {
                begun.open_table(series.table())?;
            }
            begun.commit()?;
            fs::rename(&new, path)?;
            if let Some(directory) = path.parent() {
                File::open(directory)?.sync_all()?;
            }
            Ok(Self::new(path, number, database, [Span::default(); 2]))
        })
    }

    /// A file that is there. All of it is read and checked.
    pub(super) fn open(path: &Path, number: u64) -> Result<Self, Trouble> {
        guarded(|| {
            if fs::metadata(path)?.len() == 0 {
                return Err(Trouble::Damaged("it is empty".to_owned()));
            }
            let database = builder().open(path)?;
            let begun = database.begin_read()?;
            let format = begun
                .open_table(ABOUT)?
                .get("format")?
                .map(|format| format.value());
            if format != Some(FORMAT) {
                return Err(Trouble::Damaged(format!(
                    "it has the form {format:?}, not {FORMAT}"
                )));
            }
            let mut spans = [Span::default(); 2];
            for (series, span) in Series::ALL.into_iter().zip(&mut spans) {
                for entry in begun.open_table(series.table())?.iter()? {
                    let (id, value) = entry?;
                    span.add(id.value(), parts(value.value())?.0);
                }
            }
            drop(begun);
            Ok(Self::new(path, number, database, spans))
        })
    }

    fn new(path: &Path, number: u64, database: Database, spans: [Span; 2]) -> Self {
        Self {
            number,
            path: path.to_owned(),
            database,
            spans: Mutex::new(spans),
            damaged: AtomicBool::new(false),
        }
    }

    fn spans(&self) -> MutexGuard<'_, [Span; 2]> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it has of a series.
    pub(super) fn span(&self, series: Series) -> Span {
        let [decisions, events] = *self.spans();
        match series {
            Series::Decisions => decisions,
            Series::Events => events,
        }
    }

    /// The earliest and the latest moment of all that it has.
    pub(super) fn times(&self) -> Option<(u64, u64)> {
        let spans = *self.spans();
        let times = spans.into_iter().filter_map(|span| span.times);
        times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// What it takes on the disk, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        on_disk(&self.path)
    }

    /// A reader has found it damaged.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Adds records, or replaces those that are there, all or none. They are on the disk when it returns.
    pub(super) fn write(&self, rows: &[(Series, Row)]) -> Result<(), Trouble> {
        guarded(|| {
            let begun = self.database.begin_write()?;
            for series in Series::ALL {
                insert(&begun, series, rows)?;
            }
            begun.commit()?;
            Ok(())
        })?;
        let mut spans = self.spans();
        for (series, span) in Series::ALL.into_iter().zip(spans.iter_mut()) {
            for (_, row) in rows.iter().filter(|(of, _)| *of == series) {
                span.add(row.id, row.time);
            }
        }
        Ok(())
    }

    /// Shows records of a series to `see`, newest first, until it says that it has enough. Of a file that has any of the range
    /// it sees all with lower ids than `before`, also those at other times.
    pub(super) fn read(
        &self,
        series: Series,
        range: &Range,
        mut see: impl FnMut(u64, u64, &[u8]) -> bool,
    ) -> Result<(), Trouble> {
        if !range.meets(self.span(series)) {
            return Ok(());
        }
        let read = guarded(|| {
            let begun = self.database.begin_read()?;
            let table = begun.open_table(series.table())?;
            let entries = table.range(..range.before.unwrap_or(u64::MAX))?;
            for entry in entries.rev() {
                let (id, value) = entry?;
                let (time, json) = parts(value.value())?;
                if !see(id.value(), time, json) {
                    break;
                }
            }
            Ok(())
        });
        if matches!(read, Err(Trouble::Damaged(_))) {
            self.damaged.store(true, Ordering::Relaxed);
        }
        read
    }
}

fn insert(begun: &WriteTransaction, series: Series, rows: &[(Series, Row)]) -> Result<(), Trouble> {
    let mut table = begun.open_table(series.table())?;
    let mut value = Vec::new();
    for (_, row) in rows.iter().filter(|(of, _)| *of == series) {
        value.clear();
        value.extend_from_slice(&row.time.to_le_bytes());
        value.extend_from_slice(&row.json);
        table.insert(row.id, &value[..])?;
    }
    Ok(())
}

/// What a file takes on the disk, in bytes. It may have holes.
pub(super) fn on_disk(path: &Path) -> u64 {
    /// The unit of `st_blocks`, whatever the file system's is (stat(2)).
    const BLOCK: u64 = 512;
    fs::metadata(path).map_or(0, |file| file.blocks().saturating_mul(BLOCK))
}
