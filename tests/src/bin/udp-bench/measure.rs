//! One measurement, and the search for the highest rate.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::flood::Flood;
use tests::{kernel, wait};

use crate::collector::{Collector, Running};
use crate::{Arguments, cpu};

/// What a collector did at one rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// Datagrams a second, as they were really sent.
    pub(crate) rate: f64,
    /// Datagrams that the kernel dropped at its socket.
    pub(crate) lost: u64,
    /// Datagrams that it received.
    pub(crate) received: u64,
    /// Processor time of all of its processes, in seconds.
    pub(crate) cpu: f64,
    /// Time in software interrupts meanwhile, on all cores, in seconds.
    pub(crate) softirq: f64,
    /// How long it was measured.
    pub(crate) seconds: f64,
    samples: usize,
    /// The sender was as fast as it was told to be.
    on_time: bool,
}

impl Measured {
    /// Of those samples that it received.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 datagrams")]
    pub(crate) fn samples_per_cpu_second(&self) -> f64 {
        self.received as f64 * self.samples as f64 / self.cpu
    }
}

/// Sends at this rate and looks what it costs.
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 datagrams")]
pub(crate) fn measure(running: &Running, arguments: &Arguments, rate: f64) -> Result<Measured> {
    let mut flood = Flood::new(running.sflow, arguments.agents, arguments.samples)?;
    let port = running.sflow.port();
    let group = running.process.pid();
    // So that memory is there, and pauses have found their length.
    flood.send(Some(rate), Duration::from_millis(500))?;
    drained(port)?;
    let received = running.received()?;
    let (drops, used, softirq) = (kernel::udp_drops(port)?, cpu(group)?, kernel::softirq_time()?);
    let (sent, took) = flood.send(Some(rate), Duration::from_secs_f64(arguments.seconds))?;
    // What waits in its buffer is its work, too.
    drained(port)?;
    let (used, softirq) = (
        cpu(group)? - used,
        kernel::softirq_time()?.saturating_sub(softirq),
    );
    let lost = kernel::udp_drops(port)? - drops;
    if let Some((before, after)) = received.zip(running.received()?) {
        let taken = after - before;
        ensure!(
            taken == sent - lost,
            "{sent} sent, {lost} dropped by the kernel, {taken} received"
        );
    }
    let seconds = took.as_secs_f64();
    let measured = Measured {
        rate: sent as f64 / seconds,
        lost,
        received: sent - lost,
        cpu: used,
        softirq: softirq.as_secs_f64(),
        seconds,
        samples: flood.samples(),
        on_time: sent as f64 / seconds > 0.97 * rate,
    };
    println!(
        "{:<12} {rate:>9.0} datagrams/s asked, {:>9.0} sent, {lost:>8} lost, CPU {:>5.1} %, {:>9.0} samples/CPU-s",
        running.collector.to_string(),
        measured.rate,
        100.0 * measured.cpu / seconds,
        measured.samples_per_cpu_second()
    );
    Ok(measured)
}

/// Waits until nothing waits at the socket, and what was taken from it last is done.
fn drained(port: u16) -> Result<()> {
    wait::until_ok("the socket to be empty", Duration::from_secs(20), || {
        Ok((kernel::udp_waiting(port)? == 0).then_some(()))
    })?;
    wait::pause(Duration::from_millis(100));
    Ok(())
}

/// The highest rate at which nothing is lost: a quarter more each time, a second try when something was lost, and at last
/// one step in between.
pub(crate) fn highest(running: &Running, arguments: &Arguments) -> Result<Option<Measured>> {
    const FIRST: f64 = 50_000.0;
    const STEP: f64 = 1.25;
    let tries = |rate: f64| -> Result<Option<Measured>> {
        for _ in 0..2 {
            let measured = match measure(running, arguments, rate) {
                Ok(measured) => measured,
                // Another's that dies or stops to read under load has reached its end; ours must not.
                Err(error) if running.collector != Collector::FlowMarker => {
                    println!("{:<12} has stopped: {error:#}", running.collector.to_string());
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            if measured.lost == 0 {
                return Ok(Some(measured));
            }
        }
        Ok(None)
    };
    let mut best: Option<Measured> = None;
    let mut rate = FIRST;
    while let Some(measured) = tries(rate)? {
        best = Some(measured);
        if !measured.on_time {
            println!("{:<12} the sender is at its end", running.collector.to_string());
            return Ok(best);
        }
        rate *= STEP;
    }
    if best.is_some()
        && let Some(between) = tries(rate / STEP.sqrt())?
    {
        best = Some(between);
    }
    if running.collector == Collector::Sfacctd {
        // Its core process may lose samples on the way to its plugin, which is not in these figures.
        println!(
            "{:<12} losses inside of it are not counted here",
            running.collector.to_string()
        );
    }
    Ok(best)
}
