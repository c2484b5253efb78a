//! The terminal: taken, drawn on, and given back as it was, however this ends.

use std::io::{self, BufWriter, IsTerminal as _, Stdout, stdout};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, raise};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::draw::{Look, draw};
use super::model::{Act, News, State};
use crate::clock::Clock;

/// Keys that wait; one who holds a key down makes some tens a second.
const KEYS: usize = 64;

/// Ages on the screen are in seconds.
const TICK: Duration = Duration::from_secs(1);

type Backend = CrosstermBackend<BufWriter<Stdout>>;

/// A terminal that is ours until this is dropped.
struct Screen {
    terminal: Terminal<Backend>,
}

impl Screen {
    fn take() -> anyhow::Result<Self> {
        // What is written while a panic is reported must be seen.
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            report(panic);
        }));
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(stdout())))?;
        let mut screen = Self { terminal };
        screen.enter()?;
        Ok(screen)
    }

    /// Takes the terminal, also one that was taken already and that a shell has used since.
    fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, Hide)?;
        self.repaint()
    }

    /// Draws everything anew the next time. (`Terminal::clear` would ask the terminal where its cursor is, and the answer
    /// would come among the keys.)
    fn repaint(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Stops this process as the terminal does in its usual mode. Whoever continues it finds everything as it was.
    fn suspend(&mut self) -> anyhow::Result<()> {
        give_back();
        raise(Signal::SIGTSTP).context("stopping")?;
        Ok(self.enter()?)
    }

    fn draw(&mut self, state: &State, look: &Look, clock: Clock) -> io::Result<()> {
        let drawn = self
            .terminal
            .draw(|frame| draw(state, look, clock.now(), frame.buffer_mut()));
        drawn.map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back; where it has gone, nobody is left to tell.
fn give_back() {
    let _ = execute!(stdout(), Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}

/// Whether there is a terminal to draw on.
///
/// # Errors
/// There is none, or one that can only print.
pub(super) fn check() -> anyhow::Result<()> {
    if !stdout().is_terminal() || !io::stdin().is_terminal() {
        bail!("standard input or output is no terminal: --once prints one screen, --once --json a document");
    }
    if std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
        bail!("the terminal can only print (TERM): --once prints one screen");
    }
    Ok(())
}

/// Shows what arrives until the user has seen enough, or somebody ends this process. What he looks for is told to `wanted`.
///
/// # Errors
/// The terminal cannot be used.
pub(super) async fn watch(
    state: &mut State,
    look: &Look,
    clock: Clock,
    news: &mut mpsc::Receiver<News>,
    wanted: &watch::Sender<String>,
) -> anyhow::Result<()> {
    let [mut term, mut hangup, mut interrupt, mut quit] = [
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::quit())?,
    ];
    // After a stop that was not asked for on the keyboard, too.
    let mut continued = signal(SignalKind::from_raw(Signal::SIGCONT as i32))?;
    let mut screen = Screen::take().context("the terminal")?;
    let mut keys = keys()?;
    let mut tick = tokio::time::interval(TICK);
    loop {
        screen.draw(state, look, clock)?;
        tokio::select! {
            biased;
            _ = term.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = quit.recv() => return Ok(()),
            _ = continued.recv() => screen.enter()?,
            event = keys.recv() => {
                let Some(event) = event else { return Ok(()) };
                let act = match event {
                    Event::Key(key) => state.press(key, clock.now()),
                    _ => Act::Nothing,
                };
                match act {
                    Act::Nothing => {
                        wanted.send_if_modified(|filter| {
                            let other = *filter != state.filter;
                            filter.clone_from(&state.filter);
                            other
                        });
                    }
                    Act::Quit => return Ok(()),
                    Act::Suspend => screen.suspend()?,
                    Act::Repaint => screen.repaint()?,
                }
            }
            Some(one) = news.recv() => state.hear(one, clock.now()),
            _ = tick.tick() => {}
        }
    }
}

/// What happens on the terminal, read by a thread of its own; it ends with the terminal, or with the process.
fn keys() -> io::Result<mpsc::Receiver<Event>> {
    let (sender, receiver) = mpsc::channel(KEYS);
    thread::Builder::new().name("keys".into()).spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                break;
            }
        }
    })?;
    Ok(receiver)
}
