//! `flow-marker top`: the first screen of the dashboard in a terminal.

mod screen;
mod feed;
mod find;
mod sse;
mod draw;
mod model;
mod tables;
mod rows;
mod data;
mod text;

use std::io::Write;

use anyhow::{Context as _, bail};
use clap::Args;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use shared::units::TimeSpan;
use tokio::sync::watch;

use super::ask::{self, Server, Whom};
use super::harmless;
use crate::clock::Clock;
use draw::{Look, draw};
use feed::{FASTEST, Feed};
use find::Finder;
use model::{News, State};
use tables::Tab;

pub(super) const EXAMPLES: &str = "\
Examples:
  Watch the instance on this machine:
    flow-marker top
  Another one, only the controls on leaf1, over a thin line:
    flow-marker top --server https://collector:8443 --token-file token --show controls --filter leaf1 --interval 10s
  One screen, for a ticket:
    flow-marker top --once --width 120 --height 50
  For a program: what is not as it should be?
    flow-marker top --once --json | jq -r '.answers[] | select(.level != \"ok\") | .text'

Keys:
  1-5 or Tab   flows, links, controls, problems, changes
  < >  r       sort by the column on the left or right; reverse the order
  / Esc        show only rows with all words; show all
  space        pause the display
  Enter        all there is to say of the selected row
  a            the six answers in full
  ?  q         help; quit

Exit status:
  0: it was shown; 1: nobody answered at the first try, or the token may not read. A connection that is lost later is said
  on the screen and tried again.";

/// What is shown, and how.
#[derive(Debug, Args)]
pub(super) struct TopArgs {
    #[command(flatten)]
    whom: Whom,
    /// Ask so often; the default is the stream, which tells what is new every second.
    #[arg(long, value_name = "TIME", default_value = "1s")]
    interval: TimeSpan,
    /// The table to begin with.
    #[arg(long, value_name = "TABLE", value_enum, default_value_t)]
    show: Tab,
    /// Only rows with all these words: addresses, ports, names, states. Flows are looked for among all, not only the largest.
    #[arg(long, value_name = "WORDS", default_value = "")]
    filter: String,
    /// Print one screen as plain text and end.
    #[arg(long)]
    once: bool,
    /// The whole overview as JSON, as the API gives it.
    #[arg(long, requires = "once")]
    json: bool,
    /// Columns of the printed screen.
    #[arg(long, value_name = "COLUMNS", default_value_t = 80, requires = "once",
          value_parser = clap::value_parser!(u16).range(1..=500))]
    width: u16,
    /// Lines of the printed screen.
    #[arg(long, value_name = "LINES", default_value_t = 24, requires = "once",
          value_parser = clap::value_parser!(u16).range(1..=500))]
    height: u16,
}

/// Shows it.
pub(super) fn run(args: &TopArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    if !args.once {
        screen::check()?;
    }
    let server = args.whom.server()?.at_most(sse::LONGEST);
    ask::runtime()?.block_on(async {
        // Whatever is wrong with the address or the token is said before the terminal is taken.
        let body = server.get("overview/json", &[]).await?;
        if args.json {
            writeln!(out, "{}", harmless::json(body.trim_end())?)?;
            return Ok(out.flush()?);
        }
        let first = feed::overview(&body).with_context(|| server.base().to_string())?;
        let (clock, mut state) = (Clock::start(), State::new(args.show, &args.filter));
        if let Some(points) = feed::past(&server).await {
            state.hear(News::History(points), clock.now());
        }
        state.hear(News::Overview(Box::new(first)), clock.now());
        if args.once && !state.filter.trim().is_empty() {
            let found = find::find(&server, &state.filter).await;
            if let Err(why) = &found.outcome {
                bail!("only the largest flows could be searched: {why}");
            }
            state.hear(News::Found(found), clock.now());
        }
        match args.once {
            true => print(args, &mut state, &server, clock, out),
            false => watch(args, &mut state, server, clock).await,
        }
    })
}

/// Prints one screen.
fn print(
    args: &TopArgs,
    state: &mut State,
    server: &Server,
    clock: Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let look = Look {
        colour: false,
        keys: false,
        server: text::clean(server.base().as_str()),
    };
    state.hear(News::Connection(model::Connection::Once), clock.now());
    let mut buffer = Buffer::empty(Rect::new(0, 0, args.width, args.height));
    draw(state, &look, clock.now(), &mut buffer);
    for line in draw::lines(&buffer) {
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}

/// Takes the terminal and keeps the screen up to date.
async fn watch(args: &TopArgs, state: &mut State, server: Server, clock: Clock) -> anyhow::Result<()> {
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let look = Look {
        colour,
        keys: true,
        server: text::clean(server.base().as_str()),
    };
    // What changes does so once a second.
    let interval = args.interval.0.max(FASTEST);
    let (told, mut news) = Feed::queue();
    let (wanted, filter) = watch::channel(state.filter.clone());
    let finder = Finder::new(server.clone(), interval, filter, told.clone());
    let feed = Feed::new(server, interval, clock, told);
    tokio::select! {
        watched = screen::watch(state, &look, clock, &mut news, &wanted) => watched,
        () = finder.run() => Ok(()),
        // Only when reading is not allowed (any more); the screen is given back before that is said.
        refused = feed.run() => refused,
    }
}
