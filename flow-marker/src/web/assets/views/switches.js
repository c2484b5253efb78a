// Switches: reached or not, what they have of ours, how much room there is, their ports, and what the sampling doctor finds.

import { h } from '../dom.js';
import { count, percent, plural, rate, span } from '../format.js';
import { poll } from '../poll.js';
import { badge, fault, figures, learn, level, switchName, table, when } from './parts.js';

/** Findings, the gravest first. */
const ORDER = ['critical', 'warning', 'info'];

/** @param {() => void} redraw */
export function open(redraw) {
  const switches = poll(() => '/switches/json', 3000, redraw);
  const doctor = poll(() => '/doctor/json', 10_000, redraw);
  function draw() {
    learn(switches.data ?? []);
    const reports = new Map((doctor.data?.agents ?? []).map((/** @type {any} */ report) => [report.agent, report]));
    const known = new Set((switches.data ?? []).map((/** @type {any} */ each) => each.agent));
    const strangers = [...reports.values()].filter((report) => !known.has(report.agent));
    return [
      fault(switches), fault(doctor, 'fault-doctor'),
      switches.data && (switches.data.length ? null : h('p', { class: 'none', key: 'none' }, 'There is no switch in the configuration.')),
      h('ul', { class: 'entries', key: 'all' },
        (switches.data ?? []).map((/** @type {any} */ each) => one(each, reports.get(each.agent))),
        strangers.map((report) => h('li', { key: report.agent, 'data-switch': report.agent },
          h('div', { class: 'line' }, h('h2', null, switchName(report.agent)), h('span', { class: 'quiet' }, 'sends samples and is not in the configuration: it is listened to and never contacted')),
          sampling(report)))),
    ];
  }
  const close = () => [switches, doctor].forEach((each) => each.end());
  return { title: 'Switches', kind: 'switches', draw, close };
}

/** @param {any} each @param {any} report */
function one(each, report) {
  const reached = each.reachable === null ? badge('unknown', 'not asked yet') : each.reachable ? badge('hits', 'answers') : badge('failed', 'silent');
  return h('li', { key: each.agent, 'data-switch': each.agent },
    h('div', { class: 'line' },
      h('h2', null, switchName(each.agent)), h('span', { class: 'quiet' }, `${each.agent} · ${each.acl}`), reached,
      each.in_sync ? badge('hits', 'in sync') : badge('wanted', 'not in sync'), h('span', { class: 'quiet' }, `marks: ${each.mode}`),
      h('span', null, `${count(each.installed)} of ${count(each.desired)} wanted installed`, each.orphans ? `, ${plural(each.orphans, 'orphan')}` : '')),
    each.last_error && h('p', { class: 'fault' }, h('b', null, 'It says: '), each.last_error, each.failures ? ` (${plural(each.failures, 'try', 'tries')})` : '', each.retry ? [', left alone until ', when(each.retry)] : ''),
    capacity(each.budget),
    report ? sampling(report) : h('p', { class: 'quiet' }, 'Nothing is sampled by it yet.'),
    h('details', null, h('summary', null, `${plural(each.ports.length, 'port')}`),
      table(`Ports of ${switchName(each.agent)}`, ['Port', figures('Speed'), figures('An elephant from'), 'Role', 'Because'], each.ports.map((/** @type {any} */ port) => ({
        key: port.ifindex, cells: [port.name ?? `ifindex ${port.ifindex}`, rate(port.speed_bps), rate(port.threshold_bps), port.role, port.why],
      })), 'No port is known yet.')));
}

/** @param {any} budget */
function capacity(budget) {
  const bar = (/** @type {string} */ name, /** @type {number} */ used, /** @type {?number} */ most) =>
    h('div', { key: name }, h('dt', null, name), h('dd', null,
      most ? h('svg', { class: 'bar', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
        h('rect', { class: 'bar-all', width: 100, height: 8 }), h('rect', { class: used / most >= 0.9 ? 'bar-full' : 'bar-part', width: Math.min(100, (used / most) * 100), height: 8 })) : null,
      most === null ? `${count(used)}; how many there may be is not told` : `${count(used)} of ${count(most)}`));
  return h('dl', { class: 'capacity' }, [
    bar('Our ACLs', budget.rules, budget.max_rules), bar('Our hardware entries', budget.entries, budget.max_entries),
    budget.capacity !== null && bar('Entries of everybody', budget.capacity_used ?? 0, budget.capacity),
  ]);
}

/** What the doctor measures and finds. @param {any} report */
function sampling(report) {
  const findings = [
    ...report.findings.map((/** @type {any} */ finding) => ['', finding]),
    ...report.sources.flatMap((/** @type {any} */ source) => source.findings.map((/** @type {any} */ finding) => [source.name ?? source.dataSource, finding])),
    ...report.ports.flatMap((/** @type {any} */ port) => port.findings.map((/** @type {any} */ finding) => [port.name ?? `ifindex ${port.ifIndex}`, finding])),
  ].sort(([, a], [, b]) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
  const lost = report.datagramsLost / Math.max(1, report.datagrams + report.datagramsLost);
  const source = (/** @type {any} */ source) => ({
    key: source.dataSource,
    cells: [
      source.name ?? source.dataSource, source.samplingRate ? `1 in ${count(source.samplingRate)}` : 'not told', source.poolRate ? `1 in ${count(source.poolRate)}` : '–',
      source.counterRate ? `1 in ${count(source.counterRate)}` : '–', `${source.samplesPerSecond.toFixed(1)}/s`, count(source.samplesLost + source.agentDrops), `${span(source.lastSample)} ago`,
    ],
  });
  const port = (/** @type {any} */ port) => ({
    key: port.ifIndex,
    cells: [port.name ?? `ifindex ${port.ifIndex}`, port.up ? 'up' : 'down', rate(port.speed || null), port.counterInterval ? `every ${span(port.counterInterval)}` : 'none',
      port.detection ? span(port.detection.median) : '–', port.detection ? span(port.detection.p99) : '–'],
  });
  return [
    findings.length > 0 && h('ul', { class: 'items findings' }, findings.map(([where, finding], at) =>
      h('li', { key: `${where} ${finding.kind} ${at}`, 'data-finding': finding.kind }, level(finding.severity), ' ', where && [h('b', null, where), ': '], finding.sentence, finding.change && h('small', null, finding.change)))),
    h('details', null,
      h('summary', null, `Sampling: ${plural(report.sources.length, 'source')}, ${count(report.datagrams)} datagrams, ${percent(lost)} lost, ${findings.length ? plural(findings.length, 'finding') : 'nothing found'}`),
      table('Data sources', ['Source', 'Sampling says', 'By the pool', 'By counters', 'Samples', 'Lost', 'Last'], report.sources.map(source), 'No data source.'),
      table('Detection by port', ['Port', 'Link', 'Speed', 'Counters', 'Found in (median)', 'In 99 of 100'], report.ports.map(port), 'No port.')),
  ];
}
