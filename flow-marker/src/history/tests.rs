//! Against a list that forgets nothing, and against files that somebody has spoilt.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use proptest::prelude::*;

use super::segment::Segment;
use super::*;
use crate::clock::Time;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 24 * 60 * 60 * SECOND;

/// Room for everything.
const LIMITS: Limits = Limits {
    age: 7 * DAY,
    bytes: 256 << 20,
};

/// A moment of today: what is older than some days goes.
fn today() -> u64 {
    static TODAY: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| Clock::start().unix_ns(Time::START));
    *TODAY
}

fn row(id: u64, time: u64, text: &str) -> Row {
    let json = format!("{{\"id\":{id},\"text\":{text:?}}}").into_bytes();
    Row { id, time, json }
}

fn shelf(directory: &Path, limits: Limits) -> (Shelf, Arc<Open>, Arc<Metrics>) {
    let (open, metrics) = (Arc::new(Open::default()), Arc::new(Metrics::new(1)));
    let shelf = Shelf::new(directory, "fm", limits, Arc::clone(&open), Arc::clone(&metrics));
    (shelf, open, metrics)
}

/// Opens all that there is.
fn opened(directory: &Path, limits: Limits) -> (Shelf, Arc<Open>, Arc<Metrics>) {
    let (mut shelf, open, metrics) = shelf(directory, limits);
    while shelf.open_next().unwrap() {}
    (shelf, open, metrics)
}

fn everything(open: &Open, series: Series) -> Vec<Row> {
    page(open, series, Range::default(), usize::MAX, |_| true).rows
}

/// Files in a directory whose names end so.
fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(end))
        .collect();
    files.sort();
    files
}

/// What is done to a shelf.
#[derive(Debug, Clone)]
enum Step {
    /// So many new records, so many seconds later.
    Add(Series, u8, u32),
    /// The record that is so far back changes.
    Change(Series, u8),
    /// The process ends and begins again.
    Reopen,
    Tidy,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let series = || prop_oneof![Just(Series::Decisions), Just(Series::Events)];
    let step = prop_oneof![
        4 => (series(), 1_u8..20, 0_u32..100_000).prop_map(|(series, count, later)| Step::Add(series, count, later)),
        2 => (series(), 0_u8..60).prop_map(|(series, back)| Step::Change(series, back)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Tidy),
    ];
    prop::collection::vec(step, 1..25)
}

fn of(model: &[(Series, Row)], series: Series) -> Vec<Row> {
    let rows = model.iter().rev().filter(|(of, _)| *of == series);
    rows.map(|(_, row)| row.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// What is there is the end of a list: nothing of the last seven days is missing, and the rest is gone by the file.
    #[test]
    fn it_is_the_end_of_a_list(steps in steps(), before in 1_u64..400, most in 0_usize..50, span in (0_u64..20, 0_u64..20)) {
        let directory = tempfile::tempdir().unwrap();
        let (mut shelf, mut open, _) = opened(directory.path(), LIMITS);
        let (mut model, mut now): (Vec<(Series, Row)>, u64) = (Vec::new(), 1000 * DAY);
        let mut next = 100;
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Add(series, count, later) => {
                    now += u64::from(later) * SECOND;
                    let rows: Vec<_> = (0..count).map(|_| { next += 1; (series, row(next, now, "new")) }).collect();
                    shelf.write(&rows).unwrap();
                    model.extend(rows);
                }
                Step::Change(series, back) => {
                    let Some((id, time)) = of(&model, series).get(usize::from(back)).map(|row| (row.id, row.time)) else {
                        continue;
                    };
                    let changed = row(id, time, &format!("changed {n}"));
                    shelf.replace(vec![(series, changed.clone())]).unwrap();
                    let kept = everything(&open, series).iter().any(|row| row.id == id);
                    prop_assert!(kept || time < now - LIMITS.age, "a change adds nothing");
                    model.iter_mut().filter(|(of, row)| *of == series && row.id == id).for_each(|(_, row)| *row = changed.clone());
                }
                Step::Reopen => {
                    drop((shelf, open));
                    let (again, opened, metrics) = opened(directory.path(), LIMITS);
                    prop_assert_eq!(metrics.process.history_damaged.get(), 0);
                    (shelf, open) = (again, opened);
                }
                Step::Tidy => shelf.tidy(now),
            }
        }
        shelf.tidy(now);
        for series in Series::ALL {
            let (kept, all) = (everything(&open, series), of(&model, series));
            prop_assert!(all.starts_with(&kept), "the newest, in order, as they were last");
            let oldest = all.get(kept.len()).map(|gone| gone.time);
            prop_assert!(oldest.is_none_or(|time| time < now - LIMITS.age), "nothing of the last days is missing");
            // Any range, a page at a time.
            let range = Range {
                before: Some(before),
                from: Some(now.saturating_sub(span.0 * DAY / 2)),
                until: Some(now.saturating_sub(span.1 * DAY / 2)),
            };
            let asked = |row: &&Row| row.id < before && range.holds(row.time);
            let asked: Vec<_> = kept.iter().filter(asked).cloned().collect();
            let (mut pages, mut rest) = (Vec::new(), Some(range));
            while let Some(range) = rest.filter(|_| most > 0) {
                let page = page(&open, series, range, most, |_| true);
                prop_assert!(page.rows.len() <= most);
                rest = page.next.map(|next| Range { before: Some(next), ..range });
                pages.extend(page.rows);
            }
            prop_assert!(most == 0 || pages == asked);
        }
        // Never more files than parts of both limits.
        prop_assert!(files(directory.path(), ".redb").len() <= 18);
    }
}

#[test]
fn its_size_is_bounded_and_the_newest_stay() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits {
        age: 7 * DAY,
        bytes: 16 << 20,
    };
    let (mut shelf, open, metrics) = opened(directory.path(), limits);
    let mut most = 0;
    for batch in 0_u64..60 {
        let rows: Vec<_> = (0..512)
            .map(|n| {
                (
                    Series::Decisions,
                    row(batch * 512 + n, DAY + batch, &"x".repeat(1500)),
                )
            })
            .collect();
        shelf.write(&rows).unwrap();
        if batch % 3 == 0 {
            shelf.tidy(DAY + batch);
        }
        let bytes: u64 = files(directory.path(), "")
            .iter()
            .map(|path| segment::on_disk(path))
            .sum();
        most = most.max(bytes);
    }
    println!("{} KiB at most", most >> 10);
    assert!(most <= limits.bytes, "{most}");
    let kept = everything(&open, Series::Decisions);
    assert_eq!(kept[0].id, 60 * 512 - 1);
    assert!(kept.len() > 4000, "{}", kept.len());
    assert!(kept.windows(2).all(|two| two[0].id == two[1].id + 1), "no hole");
    assert!(metrics.process.history_bytes.get() <= limits.bytes);
    assert_eq!(metrics.process.history_written.get(), 60 * 512);
}

/// A file with some hundred records, closed as a file is by `kill -9` or as by an end.
fn some_file(directory: &Path) -> (PathBuf, Vec<u8>, Vec<Row>) {
    let path = directory.join("fm.history-000001.redb");
    let segment = Segment::create(&path, 1).unwrap();
    let rows: Vec<_> = (1..=200)
        .map(|n| row(n, n, &"y".repeat(usize::try_from(n).unwrap())))
        .collect();
    for batch in rows.chunks(50) {
        let batch: Vec<_> = batch.iter().map(|row| (Series::Decisions, row.clone())).collect();
        segment.write(&batch).unwrap();
    }
    drop(segment);
    (path.clone(), fs::read(&path).unwrap(), rows)
}

/// Whatever a file is, it is opened with true records, or moved aside; and the history goes on.
fn survives(directory: &Path, file: &[u8], rows: &[Row], what: &str) -> bool {
    for path in files(directory, "") {
        fs::remove_file(path).unwrap();
    }
    fs::write(directory.join("fm.history-000001.redb"), file).unwrap();
    let (mut shelf, open, metrics) = opened(directory, LIMITS);
    let kept = everything(&open, Series::Decisions);
    assert!(
        kept.iter().all(|row| rows.contains(row)),
        "{what}: a record that nobody has written"
    );
    let damaged = files(directory, ".damaged").len();
    assert_eq!(metrics.process.history_damaged.get(), damaged as u64, "{what}");
    assert!(
        damaged == 1 || !kept.is_empty(),
        "{what}: it is gone without a word"
    );
    let new = row(1000, 1000, "new");
    shelf.write(&[(Series::Decisions, new.clone())]).unwrap();
    assert_eq!(everything(&open, Series::Decisions)[0], new, "{what}");
    damaged == 1
}

#[test]
fn bytes_that_change_cost_at_most_their_file() {
    let directory = tempfile::tempdir().unwrap();
    let (_, file, rows) = some_file(directory.path());
    let (mut found, mut tried) = (0, 0);
    // All of the header, and some of each page.
    let places = (0..320).chain((320..file.len()).step_by(1531));
    for at in places {
        let mut spoilt = file.clone();
        spoilt[at] ^= 0x41;
        found += usize::from(survives(directory.path(), &spoilt, &rows, &format!("byte {at}")));
        tried += 1;
    }
    println!("{found} of {tried} changes were found in {} bytes", file.len());
    assert!(found > 0);
}

#[test]
fn a_file_that_ends_too_early_costs_at_most_itself() {
    let directory = tempfile::tempdir().unwrap();
    let (_, file, rows) = some_file(directory.path());
    for length in (0..file.len())
        .step_by(file.len() / 40)
        .chain([1, 320, 4096, file.len() - 1])
    {
        survives(
            directory.path(),
            &file[..length],
            &rows,
            &format!("{length} bytes"),
        );
    }
    for (what, file) in [
        ("text", b"nothing of ours\n".repeat(1000)),
        ("zeros", vec![0; file.len()]),
        (
            "its end zeroed",
            [&file[..file.len() / 2], &vec![0; file.len() / 2][..]].concat(),
        ),
    ] {
        survives(directory.path(), &file, &rows, what);
    }
}

#[test]
fn few_damaged_files_are_kept_to_be_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    for number in 1..=5 {
        fs::write(directory.path().join(format!("fm.history-{number:06}.redb")), "x").unwrap();
    }
    fs::write(
        directory.path().join("other.history-000001.redb"),
        "somebody else's",
    )
    .unwrap();
    let (mut shelf, _, metrics) = opened(directory.path(), LIMITS);
    let names: Vec<_> = files(directory.path(), ".damaged")
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        ["fm.history-000004.redb.damaged", "fm.history-000005.redb.damaged"]
    );
    assert_eq!(metrics.process.history_damaged.get(), 5);
    shelf.write(&[(Series::Events, row(1, 1, "new"))]).unwrap();
    assert_eq!(
        files(directory.path(), "fm.history-000006.redb").len(),
        1,
        "no number comes twice"
    );
}

/// A log that a test fills.
#[derive(Debug, Default, Clone)]
struct Told(Arc<Mutex<(Vec<Row>, Vec<u64>)>>);

impl Feed for Told {
    fn series(&self) -> Series {
        Series::Decisions
    }

    fn following(&self, seen: u64, most: usize) -> Following {
        let told = self.0.lock().unwrap();
        let rows = told.0.iter().filter(|row| row.id > seen).take(most);
        Following {
            rows: rows.cloned().collect(),
            missed: 0,
        }
    }

    fn changed(&self) -> Vec<u64> {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }

    fn row(&self, id: u64) -> Option<Row> {
        self.0.lock().unwrap().0.iter().find(|row| row.id == id).cloned()
    }
}

impl Told {
    fn tell(&self, rows: impl IntoIterator<Item = Row>) {
        self.0.lock().unwrap().0.extend(rows);
    }
}

struct Run {
    writer: Writer,
    told: Told,
    open: Arc<Open>,
    metrics: Arc<Metrics>,
    first: u64,
}

fn run(directory: &Path, seconds: u64) -> Run {
    let (ids, first) = Ids::begin(directory, "fm", seconds);
    let (shelf, open, metrics) = shelf(directory, LIMITS);
    let told = Told::default();
    let feeds: Vec<Box<dyn Feed>> = vec![Box::new(told.clone())];
    let writer = Writer::new((shelf, ids), feeds, first, Arc::clone(&metrics), Clock::start());
    Run {
        writer,
        told,
        open,
        metrics,
        first,
    }
}

#[test]
fn what_is_told_is_written_and_what_changes_is_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut run = run(directory.path(), 1000);
    assert_eq!(run.first, 1000);
    let rows: Vec<_> = (1000..3000).map(|id| row(id, today() + id, "first")).collect();
    run.told.tell(rows.clone());
    run.writer.round(Time::START);
    let kept = everything(&run.open, Series::Decisions);
    assert!(kept.iter().rev().eq(&rows), "more than a batch in one round");
    run.told.0.lock().unwrap().0[5] = row(1005, today() + 1005, "twice");
    run.told.0.lock().unwrap().1.push(1005);
    run.writer.round(Time::START);
    let kept = everything(&run.open, Series::Decisions);
    assert_eq!(
        (kept.len(), &kept[1994]),
        (2000, &row(1005, today() + 1005, "twice"))
    );
    assert_eq!(run.metrics.process.history_written.get(), 2000);
}

#[test]
fn ids_of_runs_are_in_order_however_many_there_were_and_whatever_the_clock_says() {
    let directory = tempfile::tempdir().unwrap();
    let (mut last, mut all) = (0, 0);
    // Two hundred records a second, a clock that goes back, and never a clean end.
    for seconds in [5000, 5001, 5002, 100, 5003] {
        let mut run = run(directory.path(), seconds);
        assert!(run.first > last, "{} after {last}", run.first);
        run.told
            .tell((0..200).map(|n| row(run.first + n, today() + n, "")));
        run.writer.round(Time::START);
        all += 200;
        let kept = everything(&run.open, Series::Decisions);
        assert!(kept.windows(2).all(|two| two[0].id > two[1].id));
        assert_eq!(kept.len(), all);
        last = kept[0].id;
    }
}

#[test]
fn ids_that_are_there_are_not_given_again_when_their_file_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = run(directory.path(), 1000);
    first
        .told
        .tell((1000..1200).map(|id| row(id, today() + id, "first")));
    first.writer.round(Time::START);
    drop(first);
    fs::remove_file(directory.path().join("fm.history-ids")).unwrap();
    let mut second = run(directory.path(), 1001);
    second.told.tell([row(1001, today(), "second")]);
    second.writer.round(Time::START);
    assert_eq!(second.metrics.process.history_failing.get(), 1);
    assert_eq!(
        everything(&second.open, Series::Decisions).len(),
        200,
        "nothing is overwritten"
    );
    drop(second);
    let third = run(directory.path(), 1002);
    assert_eq!(third.first, 1200);
}

#[test]
fn ids_are_not_given_again_when_also_the_newest_file_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = run(directory.path(), 1000);
    // Two files, since the second record is so much later.
    for (id, time) in [(1000, today() - 2 * DAY), (1001, today())] {
        first.told.tell([row(id, time, "first")]);
        first.writer.round(Time::START);
    }
    drop(first);
    let segments = files(directory.path(), ".redb");
    assert_eq!(segments.len(), 2);
    fs::write(&segments[1], "spoilt").unwrap();
    fs::remove_file(directory.path().join("fm.history-ids")).unwrap();
    let mut second = run(directory.path(), 900);
    second.told.tell([row(900, today(), "second")]);
    second.writer.round(Time::START);
    assert_eq!(second.metrics.process.history_failing.get(), 1);
    assert_eq!(everything(&second.open, Series::Decisions).len(), 1);
    drop(second);
    assert_eq!(run(directory.path(), 901).first, 1001);
}

#[test]
fn what_is_too_old_goes_also_while_nothing_can_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut run = run(directory.path(), 1000);
    run.told
        .tell([row(1000, today() - LIMITS.age + 3600 * SECOND, "old soon")]);
    run.writer.round(Time::START);
    assert_eq!(files(directory.path(), ".redb").len(), 1);
    // The next file cannot be made.
    fs::create_dir(directory.path().join("fm.history-000002.redb.new")).unwrap();
    run.told.tell([row(1001, today(), "new")]);
    run.writer.round(Time::START + Duration::from_secs(7200));
    assert_eq!(run.metrics.process.history_failing.get(), 1);
    assert!(files(directory.path(), ".redb").is_empty());
}

#[test]
fn a_file_that_was_not_there_before_is_not_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let (mut shelf, _, _) = shelf(directory.path(), LIMITS);
    let (there, _, _) = some_file(directory.path());
    let before = fs::read(&there).unwrap();
    shelf.write(&[(Series::Events, row(1, 1, "new"))]).unwrap();
    assert_eq!(fs::read(&there).unwrap(), before);
    assert_eq!(files(directory.path(), ".redb").len(), 2);
}

#[test]
fn when_it_cannot_be_written_it_is_said_and_tried_again_without_a_hole() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("later");
    let mut run = run(&place, 1000);
    run.told.tell([row(1000, today() + 1, "a")]);
    run.writer.round(Time::START);
    let counts = &run.metrics.process;
    assert_eq!(
        (counts.history_failing.get(), counts.history_failures.get()),
        (1, 1)
    );
    run.writer.round(Time::START);
    assert_eq!(counts.history_failures.get(), 1, "not at once");
    fs::create_dir(&place).unwrap();
    run.told.tell([row(1001, today() + 2, "b")]);
    run.writer.round(Time::START + Duration::from_secs(2));
    assert_eq!(counts.history_failing.get(), 0);
    assert_eq!(
        everything(&run.open, Series::Decisions),
        [row(1001, today() + 2, "b"), row(1000, today() + 1, "a")]
    );

    // Somebody else has the file: it is left to him, and taken when he has gone.
    let path = files(&place, ".redb").remove(0);
    drop(run);
    let other = Segment::open(&path, 1).unwrap();
    let mut run = self::run(&place, 2000);
    run.told.tell([row(run.first, today() + 3, "c")]);
    run.writer.round(Time::START);
    assert_eq!(run.metrics.process.history_failing.get(), 1);
    assert_eq!(run.metrics.process.history_damaged.get(), 0);
    drop(other);
    run.writer.round(Time::START + Duration::from_secs(2));
    assert_eq!(everything(&run.open, Series::Decisions).len(), 3);
}

#[tokio::test]
async fn readers_have_places() {
    let directory = tempfile::tempdir().unwrap();
    let (mut shelf, open, _) = opened(directory.path(), LIMITS);
    shelf
        .write(&[(Series::Events, row(1, 1, "a")), (Series::Events, row(2, 2, "b"))])
        .unwrap();
    let history = History::new(open);
    let page = history
        .read(Series::Events, Range::default(), 1, |_| true)
        .await
        .unwrap();
    assert_eq!((page.rows, page.next), (vec![row(2, 2, "b")], Some(2)));
    let none = History::default()
        .read(Series::Events, Range::default(), 1, |_| true)
        .await;
    assert_eq!(none.unwrap(), Page::default());
}
