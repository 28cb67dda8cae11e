//! Medians and ratios of the records, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;

/// What a kind of work is judged by, and what else is shown.
struct Shown {
    /// Workloads whose names begin with it.
    work: &'static str,
    title: &'static str,
    /// More of it is better; ratios are made of it.
    headline: Option<&'static str>,
    besides: &'static [&'static str],
}

const SHOWN: [Shown; 12] = [
    shown("one", "One file, one request", Some("MB/s"), &["CPU s/GiB", "peak over idle MiB", "right"]),
    shown(
        "pieces",
        "One file, requests of 5 MiB",
        Some("MB/s"),
        &["CPU s/GiB", "peak over idle MiB", "right"],
    ),
    shown("small-with", "64 KiB files, 32 at a time, creation with upload", Some("uploads/s"), MANY),
    shown("small", "64 KiB files, 32 at a time, POST + PATCH", Some("uploads/s"), MANY),
    shown("medium", "1 MiB files, 16 at a time, POST + PATCH", Some("uploads/s"), MANY),
    shown(
        "slow",
        "Slow clients",
        None,
        &["peak over idle MiB", "peak MiB", "time / rate's time", "CPU s/GiB"],
    ),
    shown("cut", "A line cut", None, CUT),
    shown("s3-one", "S3: one file, one request", Some("MB/s"), &["CPU s/GiB", "peak over idle MiB"]),
    shown("s3-many", "S3: 1 MiB files, 16 at a time", Some("uploads/s"), MANY),
    shown("h2", "One HTTP/2 stream, 100 ms there and back", Some("MiB/s"), &["CPU s/GiB"]),
    shown("mixed-alone", "20 fast clients by themselves", Some("fast MB/s"), &["peak over idle MiB"]),
    shown("mixed", "20 fast clients beside 500 slow ones", Some("fast MB/s"), MIXED),
];
const MANY: &[&str] = &["file p50 ms", "file p99 ms", "CPU ms/file", "peak over idle MiB"];
const CUT: &[&str] = &["sent / size", "right", "take-over p50 ms", "take-over p95 ms", "peak over idle MiB"];
const MIXED: &[&str] = &["peak over idle MiB", "time / rate's time"];

const fn shown(
    work: &'static str,
    title: &'static str,
    headline: Option<&'static str>,
    besides: &'static [&'static str],
) -> Shown {
    Shown { work, title, headline, besides }
}

/// Round to value, of one measure of one server at one work.
type Rounds = BTreeMap<u32, f64>;

/// Everything, in the order in which it was first seen.
#[derive(Default)]
struct Records {
    works: Vec<String>,
    servers: Vec<String>,
    values: BTreeMap<(String, String, String), Rounds>,
}

impl Records {
    /// Lines of five columns; others are left out.
    fn read(text: &str) -> Self {
        let mut records = Self::default();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [round, work, server, measure, value] = fields[..] else { continue };
            let (Ok(round), Ok(value)) = (round.parse(), value.parse()) else { continue };
            note(&mut records.works, work);
            note(&mut records.servers, server);
            let key = (work.to_owned(), server.to_owned(), measure.to_owned());
            records.values.entry(key).or_default().insert(round, value);
        }
        records
    }

    fn of(&self, work: &str, server: &str, measure: &str) -> Option<&Rounds> {
        self.values.get(&(work.to_owned(), server.to_owned(), measure.to_owned()))
    }

    fn table(&self, work: &str, to: &mut String) {
        let Some(shown) = SHOWN.iter().find(|shown| work.starts_with(shown.work)) else { return };
        let there = |server: &&String| self.values.keys().any(|(w, s, _)| w == work && s == *server);
        let servers: Vec<&String> = self.servers.iter().filter(there).collect();
        let others = servers.iter().filter(|server| !server.starts_with("strongroom")).copied();
        let others: Vec<&String> = others.filter(|server| *server != "null sink").collect();
        let others = if shown.headline.is_some() { others } else { Vec::new() };
        let _ = writeln!(to, "\n**{}** (`{work}`)\n", shown.title);
        let mut head: Vec<String> = vec!["server".into()];
        head.extend(shown.headline.map(ToOwned::to_owned));
        head.extend(others.iter().map(|other| format!("÷ {other}")));
        head.extend(shown.besides.iter().map(|measure| (*measure).to_owned()));
        row(to, &head);
        row(to, &vec!["---".to_owned(); head.len()]);
        for server in servers {
            let mut cells = vec![server.clone()];
            let mine = shown.headline.map(|measure| (measure, self.of(work, server, measure)));
            if let Some((measure, mine)) = mine {
                cells.push(mine.map_or(String::new(), |rounds| number(median(rounds.values().copied()))));
                for other in &others {
                    let ratio = mine
                        .zip(self.of(work, other, measure))
                        .and_then(|(mine, theirs)| ratio(mine, theirs));
                    cells.push(
                        ratio.filter(|_| *other != server).map_or(String::new(), |of| format!("{of:.2}")),
                    );
                }
            }
            for measure in shown.besides {
                let rounds = self.of(work, server, measure);
                cells.push(rounds.map_or(String::new(), |rounds| match *measure {
                    "right" => format!("{} of {}", rounds.values().sum::<f64>(), rounds.len()),
                    "sent / size" => format!("{:.3}", median(rounds.values().copied())),
                    _ => number(median(rounds.values().copied())),
                }));
            }
            row(to, &cells);
        }
    }
}

/// The tables of a file of records.
pub fn of(text: &str) -> String {
    let records = Records::read(text);
    let mut tables = String::new();
    for work in &records.works {
        records.table(work, &mut tables);
    }
    tables
}

fn note(seen: &mut Vec<String>, name: &str) {
    if !seen.iter().any(|one| one == name) {
        seen.push(name.to_owned());
    }
}

fn row(to: &mut String, cells: &[String]) {
    let _ = writeln!(to, "| {} |", cells.join(" | "));
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

/// The median of the ratios within each round; `None` when no round has both.
fn ratio(mine: &Rounds, theirs: &Rounds) -> Option<f64> {
    let both = mine.iter().filter_map(|(round, value)| Some(value / theirs.get(round)?));
    let both: Vec<f64> = both.collect();
    (!both.is_empty()).then(|| median(both.into_iter()))
}

fn number(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn ratios_are_made_within_rounds() {
        let line = |round, server, value| format!("{round}\tone\t{server}\tMB/s\t{value}\n");
        let of = [(1, 100.0, 50.0), (2, 10.0, 10.0), (3, 300.0, 100.0)];
        let text: String = of
            .iter()
            .flat_map(|(round, ours, theirs)| {
                [line(*round, "strongroom", *ours), line(*round, "rustus", *theirs)]
            })
            .collect();
        let table = super::of(&text);
        assert!(table.contains("| strongroom | 100 | 2.00 |"), "{table}");
        assert!(table.contains("| rustus | 50.0 |  |"), "{table}");
    }
}
